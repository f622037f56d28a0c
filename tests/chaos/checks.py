"""Plays runs to the verdict, good ones and one for each thing that may be wrong, and checks that each is noticed."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from faults import Injected
from figures import Run
from judge import Judge
from model import Manners, ModelServer
from payments import (
    ANSWERED,
    BROKEN,
    CUT,
    FAILED,
    LOSSY,
    REFUSED,
    ROLLBACK,
    USELESS,
    WAKING,
    Call,
    Disruption,
    Failure,
    bill,
)
from progress_checks import PROGRESS_CHECKS
from self_test import NAMES, NOW, SECRET, Tape, drop, fail_feedback, good_run
from silence import Outage
from waiting_checks import WAITING_CHECKS
from wire import INIT

Check = Callable[[], bool]


def call(unit: str, life: str, began: float, ended: float, fate: str = ANSWERED) -> Call:
    return Call(unit, "feedback", f"mark {unit}", life, began, ended, fate)


def struck(kind: str, life: str, began: float, ended: float, in_work: int = 1) -> Disruption:
    return Disruption(kind, life, began, ended, in_work)


def pays_once() -> bool:
    found = bill([call("a", "1", 0, 1), call("b", "1", 0, 1), call("b", "1", 1, 2, REFUSED)], [])
    return (found.units, found.paid, found.unexcused, found.not_paid) == (2, 2, [], Counter({REFUSED: 1}))


def what_the_model_broke_is_not_paid() -> bool:
    found = bill([call("a", "1", 0, 1, BROKEN), call("a", "1", 1, 2)], [])
    return (found.paid, found.unexcused) == (1, [])


def a_payment_again_without_a_fault_is_noticed() -> bool:
    return len(bill([call("a", "1", 0, 1), call("a", "1", 2, 3)], []).unexcused) == 1


def a_payment_again_by_another_worker_is_noticed() -> bool:
    calls = [call("a", "1", 0, 1), call("a", "2", 2, 3)]
    return len(bill(calls, [struck("kill", "3", 0.5, 0.5)]).unexcused) == 1


def a_kill_excuses_what_was_in_work() -> bool:
    found = bill([call("a", "1", 0, 1, CUT), call("a", "2", 2, 3)], [struck("kill", "1", 0.5, 0.5)])
    return (found.unexcused, found.repeated, found.cut) == ([], Counter(kill=1), 1)


def a_kill_after_the_second_payment_excuses_nothing() -> bool:
    calls = [call("a", "1", 5, 6), call("a", "2", 7, 8)]
    return len(bill(calls, [struck("kill", "1", 9, 9)]).unexcused) == 1


def a_kill_excuses_one_payment_only() -> bool:
    calls = [call("a", "1", 0, 1), call("a", "2", 2, 3), call("a", "2", 4, 5)]
    return len(bill(calls, [struck("kill", "1", 0.5, 0.5)]).unexcused) == 1


def a_pause_excuses_the_paused_worker() -> bool:
    calls = [call("a", "2", 5, 6), call("a", "1", 20, 21)]
    return bill(calls, [struck("stop", "1", 1, 19)]).unexcused == []


def a_pause_excuses_nothing_long_after() -> bool:
    calls = [call("a", "2", 5, 6), call("a", "1", 100, 101)]
    return len(bill(calls, [struck("stop", "1", 1, 19)]).unexcused) == 1


def a_pause_excuses_one_payment_by_others_and_one_on_waking() -> bool:
    stop = [struck("stop", "1", 1, 19)]
    once = [call("a", "1", 0, 2), call("a", "2", 5, 6), call("a", "1", 20, 21)]
    found = bill(once, stop)
    twice = bill([*once, call("a", "1", 22, 23)], stop)
    return (found.repeated, found.unexcused, found.allowed) == (Counter({"stop": 1, WAKING: 1}), [], 2) and len(
        twice.unexcused
    ) == 1


def a_loss_excuses_whatever_lay_before_it() -> bool:
    calls = [call("a", "1", 0, 1), call("a", "2", 20, 21), call("b", "3", 12, 13), call("b", "3", 30, 31)]
    found = bill(calls, [struck("kill", "1", 0.5, 0.5), Disruption(LOSSY, None, 10, 11, 0)])
    return (found.repeated, len(found.unexcused)) == (Counter({LOSSY: 1}), 1)


def a_rollback_excuses_what_was_saved_since() -> bool:
    rollback = Disruption(ROLLBACK, None, 10, 12, 0)
    since = [call("a", "1", 8, 11), call("a", "2", 13, 14)]
    before = [call("b", "1", 1, 2), call("b", "2", 13, 14)]
    found = bill([*since, *before], [rollback])
    return (found.repeated, len(found.unexcused)) == (Counter({ROLLBACK: 1}), 1)


def a_failure_excuses_the_payment_after_it() -> bool:
    calls = [call("a", "1", 0, 1), call("a", "1", 3, 4)]
    found = bill(calls, [], [Failure("mark a", 2.0)])
    return (found.repeated, found.unexcused) == (Counter({FAILED: 1}), [])


def a_failure_excuses_one_payment_of_its_own_only() -> bool:
    calls = [call("a", "1", 0, 1), call("a", "1", 3, 4), call("a", "1", 5, 6)]
    others = [Failure("mark b", 2.0), Failure("mark a", 8.0)]
    return len(bill(calls, [], [Failure("mark a", 2.0)]).unexcused) == 1 and len(bill(calls, [], others).unexcused) == 2


def conclude(spoil: Callable[[Tape], None] = lambda tape: None, **known: object) -> Run:
    """The outsider's good run, spoilt, judged with what else is known of it."""
    tape = good_run()
    spoil(tape)
    judge = Judge(NAMES, range(100, 200), dict.fromkeys(NAMES.dead_letter_topics(), 12), SECRET)
    for request, places in tape.sends:
        case = judge.sending(request)
        for place in places:
            judge.sent(case, place)
    for record in tape.records:
        judge.arrived(record)
    usual = {
        "judge": judge, "asked_since": lambda case: case.sends[0].at, "families": [], "failures": [], "waits": [], "mark": lambda case: case.request.about,
        "dialogues": [], "calls": [], "fallback_calls": [], "looks": [], "injected": Injected(), "stalls": [],
        "ended": NOW + 1000, "documents": [], "wrong": [], "enoughs": 0,
    }  # fmt: skip
    run = Run(**usual | known)
    run.conclude()
    return run


def away(what: str, began: float = NOW - 10, ended: float = NOW + 10) -> Injected:
    return Injected(outages=[Outage(what, (), began, ended)])


def a_good_run_is_good() -> bool:
    run = conclude(injected=away("s3"))
    return run.violations == [] and run.figures["without an outcome"] == 0


def _begin_earlier(tape: Tape, since: float | None) -> None:
    """As if the interview had begun with an earlier record of its init, which went with its topic."""
    for number in range(2):
        index = tape.find("ResumeCompleted", number)
        key = json.loads(tape.records[index].value or b"")["resumeObjectKey"]
        tape.change_body(index, resumeObjectKey=re.sub(r"_\d{8}_\d{6}_", "_20261122_183220_", key))
    tape.sends = [
        (replace(request, since=since) if request.flow == INIT else request, places) for request, places in tape.sends
    ]


def an_interview_that_began_before_its_init_was_pressed_again_is_good_and_any_other_is_noticed() -> bool:
    again = conclude(lambda tape: _begin_earlier(tape, NOW - 60)).violations
    other = conclude(lambda tape: _begin_earlier(tape, None)).violations
    return again == [] and any("session's start" in violation for violation in other)


def a_missing_outcome_is_noticed() -> bool:
    run = conclude(drop("FeedbackGenerated"))
    return run.figures["without an outcome"] > 0 and bool(run.violations)


def a_loss_of_redis_does_not_excuse_a_missing_outcome() -> bool:
    run = conclude(drop("FeedbackGenerated"), injected=Injected(losses=[(NOW - 10, NOW + 1000)]))
    return run.figures["without an outcome"] > 0


def a_failure_without_its_fault_is_noticed() -> bool:
    run = conclude(lambda tape: fail_feedback(tape, True), injected=away("s3"))
    return any("LLM_UNAVAILABLE" in violation for violation in run.violations)


def a_failure_after_its_fault_is_noticed() -> bool:
    run = conclude(lambda tape: fail_feedback(tape, True), injected=away("model", ended=NOW - 5))
    return any("LLM_UNAVAILABLE" in violation for violation in run.violations)


def a_failure_beside_a_model_that_works_is_noticed() -> bool:
    run = conclude(lambda tape: fail_feedback(tape, True), injected=away("primary"))
    return any("LLM_UNAVAILABLE" in violation for violation in run.violations)


def a_failure_with_its_fault_is_a_figure() -> bool:
    run = conclude(lambda tape: fail_feedback(tape, True), injected=away("model"))
    return run.violations == [] and run.figures["failures"]["LLM_UNAVAILABLE"] == 1


def _fail_with(*fates: str) -> list[str]:
    calls = [Call(f"{n}", "feedback", "feedback 1", "1", NOW, NOW + 0.1, fate) for n, fate in enumerate(fates)]
    return conclude(lambda tape: fail_feedback(tape, True), calls=calls).violations


def a_failure_whose_calls_the_model_broke_is_a_figure() -> bool:
    return _fail_with(BROKEN, REFUSED) == [] and _fail_with(BROKEN) != [] and _fail_with(USELESS, USELESS) != []


def _degrade(tape: Tape) -> None:
    for number in range(2):
        tape.change_body(tape.find("ResumeCompleted", number), degraded=True)


def a_degraded_resume_without_its_fault_is_noticed() -> bool:
    return conclude(_degrade).violations != [] and conclude(_degrade, injected=away("model")).violations == []


def more_prompts_than_requests_are_noticed() -> bool:
    calls = [call(f"{number}", "1", 0, 1) for number in range(100)]
    return any("prompts" in violation for violation in conclude(calls=calls).violations)


def more_payments_than_were_struck_are_noticed() -> bool:
    calls = [call("a", "1", 0, 1), call("a", "2", 2, 3), call("a", "2", 4, 5)]
    strokes = [struck("kill", "1", 0.5, 0.5), struck("kill", "2", 3.5, 3.5, in_work=0)]
    run = conclude(calls=calls, injected=Injected(disruptions=strokes))
    return any("struck" in violation for violation in run.violations)


def what_is_paid_on_waking_while_redis_is_away_may_be_paid_again_by_another() -> bool:
    """The lock ended during the pause, and what was paid after it can be saved no sooner than another takes the lock."""

    def paid_twice(outages: list[Outage]) -> bool:
        calls = [call("a", "1", 0, 2), call("a", "1", 10, 13), call("a", "2", 16, 17)]
        run = conclude(calls=calls, injected=Injected(disruptions=[struck("stop", "1", 1, 10, 2)], outages=outages))
        return any("paid twice" in violation for violation in run.violations)

    return not paid_twice([Outage("redis", ("redis",), 9, 15)]) and paid_twice([])


def _answer_after_the_end(tape: Tape) -> None:
    """As if the end of the interview had been lost: the last answer without a question comes to one that is open."""
    index = tape.find("RequestFailed", 2)
    tape.records.pop(index)
    body = json.loads(tape.records[tape.find("ResumeCompleted")].value or b"")
    tape.outcome("answer after the end", "ResumeCompleted", {name: body[name] for name in body if name != "context"})


def what_a_rollback_brought_back_is_answered_and_what_it_did_not_is_noticed() -> bool:
    spans = {"dialogues": [(103, NOW, NOW + 5)]}
    met, missed = [(NOW + 0.1, NOW + 3)], [(NOW + 50, NOW + 60)]
    excused = conclude(_answer_after_the_end, injected=Injected(rollbacks=met), **spans)
    noticed = conclude(_answer_after_the_end, injected=Injected(rollbacks=missed), **spans)
    return excused.violations == [] and noticed.violations != []


def a_dead_letter_that_the_log_tells_of_may_be_missing() -> bool:
    def judged(excused: int) -> bool:
        tape = good_run()
        drop("FeedbackRequested-dlt")(tape)
        judge = Judge(NAMES, range(100, 200), {}, SECRET)
        for request, places in tape.sends:
            case = judge.sending(request)
            case.letters_excused = excused
            for place in places:
                judge.sent(case, place)
        for record in tape.records:
            judge.arrived(record)
        return any("dead letters" in violation.sentence for violation in judge.verdict())

    return judged(0) and not judged(1)


def what_happened_to_a_process_is_told() -> bool:
    return conclude(wrong=["worker-1.1 ended by itself"]).violations == ["worker-1.1 ended by itself"]


async def _ask(port: int, text: str, schema: bool, hang_up: bool = False) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = {"messages": [{"role": "system", "content": "면접관"}, {"role": "user", "content": text}]}
    if schema:
        body["response_format"] = {"type": "json_schema"}
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer w.1\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
    if hang_up:
        writer.close()
        return ""
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(answer.lower().split("content-length: ")[1].split("\r\n")[0])
    reply = json.loads(await reader.readexactly(length))
    writer.close()
    return reply["choices"][0]["message"]["content"]


def the_model_keeps_its_books() -> bool:
    async def talk() -> bool:
        server = ModelServer(1, Manners(latency_s=(0.1, 0.1), trouble=0.0), lambda: 0.0)
        await server.start(0)
        port = server.port()
        said = [await _ask(port, "하나", False), await _ask(port, "하나", False), await _ask(port, "둘", True)]
        await _ask(port, "셋", False, hang_up=True)
        async with asyncio.timeout(10):
            while len(server.calls) < 4 or server.calls[-1].ended is None:
                await asyncio.sleep(0.01)
        units = [call.unit for call in server.calls]
        fates = [call.fate for call in server.calls]
        return (
            said[0] != said[1] and json.loads(said[2])["enough"] is False and units[0] == units[1]
            and len(set(units)) == 3 and fates == [ANSWERED, ANSWERED, ANSWERED, CUT]
            and {call.life for call in server.calls} == {"w.1"}
        )  # fmt: skip

    return asyncio.run(talk())


CHECKS: list[Check] = [
    pays_once,
    what_the_model_broke_is_not_paid,
    a_payment_again_without_a_fault_is_noticed,
    a_payment_again_by_another_worker_is_noticed,
    a_kill_excuses_what_was_in_work,
    a_kill_after_the_second_payment_excuses_nothing,
    a_kill_excuses_one_payment_only,
    a_pause_excuses_the_paused_worker,
    a_pause_excuses_nothing_long_after,
    a_pause_excuses_one_payment_by_others_and_one_on_waking,
    a_loss_excuses_whatever_lay_before_it,
    a_rollback_excuses_what_was_saved_since,
    a_failure_excuses_the_payment_after_it,
    a_failure_excuses_one_payment_of_its_own_only,
    a_good_run_is_good,
    an_interview_that_began_before_its_init_was_pressed_again_is_good_and_any_other_is_noticed,
    a_missing_outcome_is_noticed,
    a_loss_of_redis_does_not_excuse_a_missing_outcome,
    a_failure_without_its_fault_is_noticed,
    a_failure_after_its_fault_is_noticed,
    a_failure_beside_a_model_that_works_is_noticed,
    a_failure_with_its_fault_is_a_figure,
    a_failure_whose_calls_the_model_broke_is_a_figure,
    a_degraded_resume_without_its_fault_is_noticed,
    more_prompts_than_requests_are_noticed,
    more_payments_than_were_struck_are_noticed,
    what_is_paid_on_waking_while_redis_is_away_may_be_paid_again_by_another,
    what_a_rollback_brought_back_is_answered_and_what_it_did_not_is_noticed,
    a_dead_letter_that_the_log_tells_of_may_be_missing,
    what_happened_to_a_process_is_told,
    the_model_keeps_its_books,
    *PROGRESS_CHECKS,
    *WAITING_CHECKS,
]


def run_checks(checks: list[Callable[[], bool]] = CHECKS) -> int:
    """Runs all checks; returns the exit code."""
    failed = [check.__name__ for check in checks if not check()]
    for name in failed:
        print(f"FAILED {name.replace('_', ' ')}")
    print(f"self-test: {len(checks)} checks, {len(failed)} failed")
    return 1 if failed else 0
