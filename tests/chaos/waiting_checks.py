"""Checks of the verdicts about time, screens, replays and topics, as those in checks.py."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from faults import CALM_S, RETRY_S, Fault, Faults, Script, Stage
from judge import Case, Judge
from load import ChaosWriter, Load
from payments import ANSWERED, HUNG, Call
from replays import Family, drop_answered_by_the_first, replay_faults
from screens import look_at_screens
from self_test import NAMES
from silence import Outage, Wait, silences, untold
from turns import Burst, beside_a_hang, turns
from watch import Letters, Look
from wire import (
    ANSWER,
    FEEDBACK,
    FEEDBACK_GENERATED,
    INIT,
    QUESTION_GENERATED,
    REQUEST_FAILED,
    RESUME_COMPLETED,
    Expected,
    Outcome,
    Record,
    Request,
    Sent,
)

READY: dict[str, str] = {}
CALM = [Look(at, "worker-1.1", READY) for at in range(200)]


def wait(began: float, ended: float | None, flow: str = FEEDBACK, line: object = 7, mark: str = "m") -> Wait:
    return Wait("it", flow, (line,), mark, began, ended)


def silent(*waits: Wait, looks: list[Look] = CALM, calls: tuple[Call, ...] = (), stalls: tuple = ()) -> int:
    return len(silences(waits, looks, calls, [*stalls], NAMES, 199.0))


def said(parts: dict[str, str] | None, began: float, ended: float) -> list[Look]:
    """All is well, but that this is said for a while."""
    return [replace(look, parts=parts) if began <= look.at <= ended else look for look in CALM]


def who_waits_while_all_is_said_to_be_well_waits_in_silence() -> bool:
    return (silent(wait(10, 29)), silent(wait(10, 31)), silent(wait(150, None))) == (0, 1, 1)


def what_a_worker_says_is_no_silence_for_whom_it_concerns() -> bool:
    redis, resume = said({"redis": "OOM"}, 15, 40), said({"resume group": "no member"}, 15, 40)
    return (
        silent(wait(10, 45), looks=redis) == 0 and silent(wait(10, 45), looks=said(None, 15, 40)) == 0
        and silent(wait(10, 45), looks=resume) == 1 and silent(wait(10, 45, INIT), looks=resume) == 0
    )  # fmt: skip


def what_is_said_too_late_is_silence() -> bool:
    return silent(wait(10, 90), looks=said({"redis": "OOM"}, 35, 90)) == 1


def what_is_only_said_of_dead_letters_explains_no_missing_outcome() -> bool:
    letters = said({"topics": "topics are missing: FeedbackRequested-dlt"}, 10, 60)
    topic = said({"topics": "topics are missing: FeedbackRequested"}, 10, 60)
    outcomes = said({"outcome topics": "one replica"}, 0, 200)
    found = [silent(wait(10, 60), looks=looks) for looks in (letters, topic, outcomes)]
    return found == [1, 0, 1] and silent(wait(10, 60, ANSWER), looks=topic) == 1


def a_call_that_is_out_is_no_silence_unless_it_hangs() -> bool:
    call = Call("u", "feedback", "m", "worker-1.1", 12, 40, ANSWERED)
    other, hung = replace(call, mark="n"), replace(call, fate=HUNG)
    return [silent(wait(10, 45), calls=(one,)) for one in (call, other, hung)] == [0, 1, 1]


def an_earlier_request_of_the_same_member_is_no_silence() -> bool:
    calls = (Call("u", "feedback", "first", "worker-1.1", 10, 60, ANSWERED),)
    first, second = wait(10, 60, mark="first"), wait(11, 70, mark="second")
    return silent(first, second, calls=calls) == 0 and silent(first, replace(second, line=(8,)), calls=calls) == 1


def a_machine_that_stood_still_is_no_silence() -> bool:
    return silent(wait(10, 60), stalls=((12.0, 55.0),)) == 0


def an_outage_that_is_told_too_late_or_not_at_all_is_noticed() -> bool:
    outage = Outage("redis-refuses oom", ("redis",), 20.0, 40.0)

    def found(looks: list[Look], **changes: Any) -> tuple[int, int]:
        judged, late = untold([replace(outage, **changes)], looks, [])
        return judged, len(late)

    in_time, late, other = (said({part: "OOM"}, at, 60) for part, at in (("redis", 29), ("redis", 36), ("s3", 21)))
    died = [*said({}, 0, 0)[:25], *(replace(look, life="worker-1.2") for look in CALM[25:])]
    return (
        found(in_time) == (1, 0) and found(late) == (1, 1) and found(other) == (1, 1) and found(CALM) == (1, 1)
        and found(CALM, ended=28.0) == (0, 0) and found(CALM, parts=()) == (0, 0) and found(died) == (0, 0)
        and untold([outage], CALM, [(22.0, 25.0)]) == (0, [])
    )  # fmt: skip


def case(
    flow: str, about: str, at: float, *outcomes: Outcome, partition: int = 1, offset: int = 0, **plan: Any
) -> Case:
    request = Request(flow, plan.pop("member", 7), b"7", plan.pop("value", b"{}"), [], about, about, **plan)
    sent = Sent(NAMES.requests[flow], partition, offset, int(at * 1000), "CreateTime", at)
    return Case(request, [sent], list(outcomes))


def outcome(type_: str, at: float, ce_id: str, **body: Any) -> Outcome:
    record = Record(type_, 0, 0, int(at * 1000), b"7", b"{}", [("ce_id", ce_id.encode())], at)
    return Outcome(record, type_, body)


def feedback(number: int, at: float, ended: float, **plan: Any) -> Case:
    done = outcome(FEEDBACK_GENERATED, ended, f"{number}")
    return case(FEEDBACK, f"feedback {number}", at, done, expected=Expected(FEEDBACK_GENERATED), **plan)


def who_waits_for_a_turn_beside_a_burst_is_noticed() -> bool:
    burst = Burst(1, 1, 300, 0.0, 60.0)

    def late(began: float, member: int = 7, partition: int = 1, at: float = 10.0) -> int:
        asked = Call("u", "feedback", "5", "worker-1.1", began, began + 2, ANSWERED)
        served = turns([burst], [feedback(5, at, began + 2, member=member, partition=partition)], [asked], [])
        return len(served.late)

    others = [late(14.0, partition=2), late(14.0, member=1), late(74.0, at=70.0)]
    return [late(12.0), late(14.0), *others] == [0, 1, 1, 0, 0]


def who_waits_for_an_own_request_is_not_delayed_by_a_burst() -> bool:
    calls = [Call("u", "feedback", mark, "1", at, at + 2, ANSWERED) for mark, at in (("5", 11.0), ("6", 20.0))]
    served = turns([Burst(1, 1, 300, 0, 60)], [feedback(5, 10, 20), feedback(6, 11, 22, offset=1)], calls, [])
    return served.late == [] and len(served.beside) == 1


def who_is_answered_late_beside_a_model_that_hangs_is_noticed() -> bool:
    hang = Outage("primary", (), 100.0, 130.0, alone=True)
    failed = outcome(REQUEST_FAILED, 105, "x", code="LLM_UNAVAILABLE", retryable=True)
    cases = [
        feedback(1, 101, 119, member=1), feedback(2, 101, 121, member=2), feedback(3, 115, 124, member=3),
        feedback(4, 115, 126, member=4), feedback(5, 99, 160, member=5), case(INIT, "init", 103, failed, member=6),
    ]  # fmt: skip
    judged, late = beside_a_hang([hang], cases, [])
    return (judged, len(late)) == (5, 3)


def question(number: int, at: float, session: str = "s") -> Outcome:
    body = {"questionId": f"{session}{number}", "questionNumber": number, "sessionId": session}
    return outcome(QUESTION_GENERATED, at, f"{session}{number}", **body)


def screens(*outcomes: Outcome, named: bool = True, **known: Any) -> tuple[int, int]:
    """Question 2 is on the screen, and is answered so."""
    value = json.dumps({"questionId": "s2"} if named else {}).encode()
    cases = [case(INIT, "init", 1, question(1, 2)), case(ANSWER, "answer 1", 3, question(2, 4), means="s1")]
    cases += [case(ANSWER, "answer 2", 10, one, means="s2", value=value) for one in outcomes]
    found = look_at_screens(cases, known.get("losses", []), known.get("moves", []))
    return len(found.faults), found.under_an_earlier_question


def an_answer_to_what_is_on_the_screen_is_met_with_what_follows_or_a_word() -> bool:
    told = outcome(REQUEST_FAILED, 12, "x", code="NO_ACTIVE_SESSION")
    ended = outcome(RESUME_COMPLETED, 12, "x", sessionId="s")
    return [screens(one) for one in (question(3, 12), ended, told)] == [(0, 0)] * 3


def silence_on_the_screen_is_noticed_though_something_was_lost() -> bool:
    stale = outcome(REQUEST_FAILED, 12, "x", code="STALE_ANSWER")
    return screens(stale, losses=[(3, 8)]) == (1, 0) and screens(question(3, 12), stale) == (0, 0)


def a_screen_that_moves_on_by_itself_is_no_silence() -> bool:
    stale = outcome(REQUEST_FAILED, 12, "x", code="STALE_ANSWER")
    lost = [question(1, 2), question(2, 4), outcome(RESUME_COMPLETED, 11, "y", sessionId="s")]
    first = [case(INIT, "init", 1, lost[0]), case(ANSWER, "answer 1", 3, *lost[1:], means="s1")]
    last = case(ANSWER, "answer 2", 10, stale, means="s2", value=json.dumps({"questionId": "s2"}).encode())
    return look_at_screens([*first, last], [(3, 8)], [(5, 6)]).faults == []


def an_answer_under_another_question_is_noticed() -> bool:
    again, other = question(2, 12), question(3, 12, "t")
    lost, moved = {"losses": [(3, 8)]}, {"losses": [(3, 8)], "moves": [(5, 6)]}
    return (
        screens(again) == (1, 0) and screens(other) == (1, 0) and screens(again, named=False, **lost) == (1, 0)
        and screens(again, **moved) == (1, 0) and screens(again, named=False, **moved) == (0, 1)
    )  # fmt: skip


def family(first: list[Outcome], *replays: tuple[float, list[Outcome]]) -> Family:
    """A request that was sent at 0, and replayed by commands that began at these times."""
    result = Family(case(FEEDBACK, "feedback 1", 0, *first))
    for began, outcomes in replays:
        again = case(FEEDBACK, "feedback 1", began + 1, *outcomes, replay=len(result.replays) + 1)
        result.replays.append((again, began))
    return result


def a_replay_is_answered_once() -> bool:
    failed = outcome(REQUEST_FAILED, 5, "f", code="LLM_BAD_OUTPUT", retryable=True)
    answered, again = outcome(FEEDBACK_GENERATED, 20, "a"), outcome(FEEDBACK_GENERATED, 30, "b")
    met = outcome(FEEDBACK_GENERATED, 12, "a")
    good = [family([failed], (10, [answered])), family([failed, met, answered], (10, []))]
    twice = family([failed], (10, [answered]), (40, [again]))
    bad = [family([failed, met], (10, [again])), family([failed], (10, [])), twice]
    return replay_faults(good) == [] and [len(replay_faults([one])) for one in bad] == [1, 1, 2]


def what_was_met_with_its_answer_is_no_request_of_its_own() -> bool:
    met = family([outcome(FEEDBACK_GENERATED, 12, "a")], (10, []))
    cases = [met.first, met.replays[0][0]]
    return drop_answered_by_the_first(cases, [met]) == cases[:1]


def what_answers_a_replay_may_come_to_the_request_too_and_to_no_other() -> bool:
    def doubled(*cases: Case) -> int:
        judge = Judge(NAMES, range(100), {}, "")
        judge.cases = [*cases]
        judge._judge_ids()
        return len(judge._violations)

    answered = outcome(FEEDBACK_GENERATED, 20, "a")
    first, other = (case(FEEDBACK, id_, 0, answered) for id_ in ("1", "2"))
    replay = case(FEEDBACK, "1#1", 10, answered, replay=1)
    return (doubled(first, replay), doubled(first, other), doubled(replay, other)) == (0, 1, 1)


class Pretended:
    """Stands where nothing is asked of what is not there."""

    partitions: dict[str, int] = {}

    def now(self) -> float:
        return 0.0

    def tell(self, line: str) -> None:
        pass

    def send(self, *_: object) -> None:
        pass


def _load() -> Load:
    judge = Judge(NAMES, range(100, 200), {}, "")
    return Load(Pretended(), judge, None, Pretended(), 1, range(100, 200), Letters([], lambda: 0.0))


def _put(load: Load, number: int, offset: int) -> Case:
    """A feedback request that its topic holds."""
    load.send(ChaosWriter(random.Random(number), "chaos-1").feedback(100 + number, number, clicks=2))
    found = load._judge.cases[-1]
    place = (NAMES.requests[FEEDBACK], 0, offset, 0)
    load._judge.sent(found, Sent(*place, "CreateTime", 0.0, load._generations[place[0]]))
    return found


def what_went_with_its_topic_is_not_waited_for_and_all_else_is() -> bool:
    load, topic = _load(), NAMES.requests[FEEDBACK]
    committed, lost, answered = (_put(load, number, number) for number in range(3))
    answered.outcomes.append(outcome(FEEDBACK_GENERATED, 1, "a"))
    is_counted = load.topic_gone(topic, {0: 1}) == 1
    new = _put(load, 3, 0)
    again = Sent(topic, 0, 1, 0, "CreateTime", 0.0, load._generations[topic])
    moved = _put(load, 4, 0)
    load.losses._lost[moved] = [moved.sends[0]]
    moved.sends.append(again)
    moved.outcomes += [outcome(FEEDBACK_GENERATED, 2, "b")] * 2
    done = [load.is_done(one) for one in (committed, lost, answered, new)]
    load.drop_unsent()
    is_kept = load._judge.cases == [committed, answered, new, moved] and moved.sends == [again]
    return is_counted and done == [False, True, True, False] and is_kept


def a_dead_letter_is_not_waited_for_where_the_log_says_where_it_is() -> bool:
    load = _load()
    load.send(ChaosWriter(random.Random(1), "chaos-1").undecodable(101, 0))
    found = load._judge.cases[-1]
    found.sends.append(Sent(NAMES.requests[FEEDBACK], 0, 5, 100_000, "CreateTime", 100.0))
    waited = not load.is_done(found)
    address, letters = found.sends[0].address, load._letters
    letters.refused[address] = [99.0]
    another = not load.is_done(found)
    letters.refused[address] = [103.0]
    refused = load.is_done(found)
    letters.refused.clear()
    letters.kept[address] = [103.0]
    kept = load.is_done(found)
    load.losses._letter_topics.append((NAMES.dead_letter_topics()[0], 101.0))
    return waited and another and refused and not kept and load.is_done(found)


def _faults(seconds: float, kinds: dict[str, float]) -> list[tuple[float, str]]:
    def script(_: object) -> Script:
        yield 0.0

    stage = Stage(None, None, None, None, random.Random(1))
    known = {kind: Fault([kind], script, alone_s=alone_s) for kind, alone_s in kinds.items()}
    faults = Faults(stage, known, set(), None)
    faults.plan(0.0, seconds, 8.0, [*kinds])
    return faults._plan


def each_fault_comes_once_at_least_and_those_that_are_alone_first() -> bool:
    kinds = {f"kind {number}": 0.0 for number in range(12)} | {"alone": 24.0}
    short, long = _faults(90.0, kinds), _faults(600.0, kinds)
    return (
        {kind for _, kind in short} == set(kinds) == {kind for _, kind in long} and short[0][1] == "alone"
        and short[-1][0] < 90.0 and min(at for at, kind in short if kind != "alone") > 24.0
        and 3 <= sum(kind == "alone" for _, kind in long) <= 4 and long == sorted(long)
    )  # fmt: skip


def one_that_must_be_alone_waits_for_the_others_and_they_for_it() -> bool:
    clock, spans = SimpleNamespace(at=0.0), {}
    stand = SimpleNamespace(clock=SimpleNamespace(now=lambda: clock.at), workers=[])

    def script(kind: str) -> Script:
        spans[kind] = [clock.at]
        yield 10.0
        spans[kind].append(clock.at)

    known = {kind: Fault([kind], script, alone_s=alone_s) for kind, alone_s in (("a", 0.0), ("alone", 9.0), ("b", 0.0))}
    faults = Faults(Stage(stand, None, None, None, random.Random(1)), known, set(), None)
    faults._plan = [(0.0, "a"), (1.0, "alone"), (2.0, "b")]
    while not faults.are_over():
        faults.go_on()
        clock.at += 0.25
    return spans["alone"][0] >= spans["a"][1] + CALM_S - RETRY_S and spans["b"][0] >= spans["alone"][1]


WAITING_CHECKS: list[Callable[[], bool]] = [
    who_waits_while_all_is_said_to_be_well_waits_in_silence,
    what_a_worker_says_is_no_silence_for_whom_it_concerns,
    what_is_said_too_late_is_silence,
    what_is_only_said_of_dead_letters_explains_no_missing_outcome,
    a_call_that_is_out_is_no_silence_unless_it_hangs,
    an_earlier_request_of_the_same_member_is_no_silence,
    a_machine_that_stood_still_is_no_silence,
    an_outage_that_is_told_too_late_or_not_at_all_is_noticed,
    who_waits_for_a_turn_beside_a_burst_is_noticed,
    who_waits_for_an_own_request_is_not_delayed_by_a_burst,
    who_is_answered_late_beside_a_model_that_hangs_is_noticed,
    an_answer_to_what_is_on_the_screen_is_met_with_what_follows_or_a_word,
    silence_on_the_screen_is_noticed_though_something_was_lost,
    a_screen_that_moves_on_by_itself_is_no_silence,
    an_answer_under_another_question_is_noticed,
    a_replay_is_answered_once,
    what_was_met_with_its_answer_is_no_request_of_its_own,
    what_answers_a_replay_may_come_to_the_request_too_and_to_no_other,
    what_went_with_its_topic_is_not_waited_for_and_all_else_is,
    a_dead_letter_is_not_waited_for_where_the_log_says_where_it_is,
    each_fault_comes_once_at_least_and_those_that_are_alone_first,
    one_that_must_be_alone_waits_for_the_others_and_they_for_it,
]
