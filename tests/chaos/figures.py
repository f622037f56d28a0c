"""The verdict: which of what the outsider's judge finds a fault excuses, and the figures of the run. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from faults import Injected
from judge import Case, Judge, Violation
from load import cases_of
from payments import BROKEN, FAILED, LOSSY, PAUSE, REFUSED, ROLLBACK, USELESS, Bill, Call, Disruption, Failure, bill
from progress import crossings
from replays import Family, drop_answered_by_the_first, replay_faults
from screens import look_at_screens
from silence import Wait, silences, untold
from turns import LEAST_SHARE, Turns, beside_a_hang, turns
from watch import Look
from wire import FEEDBACK, FEEDBACK_GENERATED, Outcome

ALLOWED_FAILURES = {"LLM_UNAVAILABLE": {"model", "stop"}, "STORAGE_UNAVAILABLE": {"s3", "stop"}}
"""What a fault may make of a request that it met: tried until its deadline, told to the member, and to be tried again."""
TROUBLED_CALLS = 2
"""So many calls that the model itself refused or broke may cost a request its time."""
UNEXCUSED_BY_LOSS = ("missing", "invalid", "stray", "document", "dead letter")
"""What stays wrong even where Redis lost its data: no request may be without its outcome, no outcome malformed."""
NOT_STRUCK = ("deadline", FAILED, LOSSY, ROLLBACK)
"""Excuses of payments that have nothing to do with what was in work at a fault."""
STALLED, LOCK_LOST_S, STALLED_IN_WORK = "stalled", 5.0, 64
AWAY, LOCK_OUTLIVES_S = "redis away", 8.0
"""Locks last ten seconds and are renewed every second: what outlasts them is paid again by whoever takes a partition over."""
"""A machine that gives nobody time for so long may cost locks, of everything that can be in work."""
MOVES, MOVING_OUTAGES, MOVED_S = {"kill", "stop", "rolling"}, {"broker", "topic"}, 30.0
"""After these, and for so long, partitions may move."""


@dataclass
class Run:
    """All that is known when it is over."""

    judge: Judge
    families: list[Family]
    """What was replayed."""
    failures: list[Failure]
    waits: list[Wait]
    mark: Callable[[Case], str]
    """By which the model's books know a request."""
    asked_since: Callable[[Case], float]
    dialogues: list[tuple[int, float, float | None]]
    """Member, begin and end."""
    calls: list[Call]
    fallback_calls: list[Call]
    looks: list[Look]
    injected: Injected
    stalls: list[tuple[float, float]]
    """When the machine gave nobody time."""
    ended: float
    documents: list[Violation]
    wrong: list[str]
    """What went wrong with the processes themselves."""
    enoughs: int
    """How often the model found that nothing more needs to be asked: such a turn pays twice."""
    bill: Bill = field(default_factory=Bill)
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def conclude(self) -> None:
        """Fills `figures` and `violations`."""
        self.bill = bill(
            self.calls, [*self.injected.disruptions, *self._stalled(), *self._without_locks()], self.failures
        )
        self._note("replay", replay_faults(self.families))
        self.judge.cases = drop_answered_by_the_first(self.judge.cases, self.families)
        self._expect_nothing_of_what_was_lost()
        self.judge.progress.may_cross = crossings(self.injected, self.stalls)
        kinds, excused = self._judge_outcomes()
        self.violations += self.wrong
        failures = self._judge_failures()
        self._judge_bill()
        cases = list(cases_of(self.judge))
        screens = look_at_screens(cases, self._losses(), self._moves())
        self._note("screen", screens.faults)
        silent = silences(self.waits, self.looks, self.calls, self.stalls, self.judge.names, self.ended)
        self._note("silent", silent)
        told, untold_ = untold(self.injected.outages, self.looks, self.stalls)
        self._note("not told", untold_)
        served = turns(self.injected.bursts, cases, self.calls, self.stalls)
        self._note("not its turn", served.late)
        beside = self._judge_hangs(cases)
        replayed = [case for family in self.families for case, _ in family.replays]
        waits = sorted(wait for case in cases if (wait := case.latency_s()) is not None)
        letters = (record for case in self.judge.cases for record in case.dead_letters)
        dead = Counter(record.text_header("kafka_dlt-exception-fqcn") for record in letters)
        degraded = sum(outcome.body.get("degraded") is True for case in cases for outcome in case.first_outcomes())
        counted = ("missing", "doubled", "disordered")
        self.figures |= {
            "requests": len(cases),
            "records": sum(len(case.sends) for case in cases),
            "answered": sum(bool(case.outcomes) for case in cases),
            "without an outcome": kinds["missing"],
            "with two outcomes": kinds["doubled"],
            "order violations": kinds["disordered"],
            "silent": len(silent),
            "other violations": len(self.violations) - sum(kinds[kind] for kind in counted) - len(silent),
            "excused by what Redis lost": excused,
            "outages told in time": f"{told - len(untold_)} of {told}",
            "beside a model that hangs": beside,
            "beside a burst": _turns_in_words(served),
            "replays": {
                "sent": len(replayed),
                "worked": sum(bool(case.outcomes) for case in replayed),
                "met with their answer": sum(not case.outcomes for case in replayed),
            },
            "answers under an earlier question, documented": screens.under_an_earlier_question,
            "dead letters excused by the log": sum(case.letters_excused for case in self.judge.cases),
            "records lost with their topic, at most": self.injected.records_lost,
            "outcomes sent again": sum(case.repeats() for case in cases),
            "outcomes": dict(Counter(o.type for case in cases for o in case.first_outcomes()).most_common()),
            "failures": dict(failures.most_common()),
            "degraded résumés": degraded,
            "dead letters": dict(dead.most_common()),
            "dialogues": {
                "begun": len(self.dialogues),
                "ended": sum(ended is not None for _, _, ended in self.dialogues),
            },
            "wait s": quantiles(waits),
            "model": {
                "work to pay": self.bill.units,
                "paid": self.bill.paid,
                "of these cut off": self.bill.cut,
                "paid again": dict(self.bill.repeated),
                "in work when struck": self.bill.allowed,
                "not paid": dict(self.bill.not_paid),
            },
            "progress": self.judge.progress.figures(),
            "machine stalled s": round(sum(ended - began for began, ended in self.stalls), 1),
            "faults": dict(self.injected.counts.most_common()),
        }

    def _note(self, what: str, sentences: list[str]) -> None:
        self.violations += [f"{what}: {sentence}" for sentence in sentences]

    def _judge_outcomes(self) -> tuple[Counter[str], int]:
        """What the outsider's judge finds, by kind, and how much of it a loss excuses."""
        kinds: Counter[str] = Counter()
        excused = 0
        lost = {member for member, began, ended in self.dialogues if self._straddles(began, ended)}
        for violation in [*self.judge.verdict(), *self.documents]:
            if violation.kind == "failed":
                continue  # Judged by its code.
            if violation.kind not in UNEXCUSED_BY_LOSS and self._lost_with(violation, lost):
                excused += 1
                continue
            kinds[violation.kind] += 1
            self.violations.append(f"{violation.kind}: member {violation.member}: {violation.sentence}")
        return kinds, excused

    def _judge_failures(self) -> Counter[str]:
        failures: Counter[str] = Counter()
        for case in cases_of(self.judge):
            for outcome in case.first_outcomes():
                failures[outcome.code] += bool(outcome.code)
                is_degraded = outcome.body.get("degraded") is True
                if outcome.retryable and _should_succeed(case) or is_degraded:
                    code = "LLM_UNAVAILABLE" if is_degraded else outcome.code
                    if not self._is_allowed(case, outcome, code):
                        ending = "a degraded résumé" if is_degraded else outcome.code
                        message = f"{case.request.about} ({case.sends[0].address}) ended in {ending}"
                        self.violations.append(f"failed: member {case.request.member}: {message}")
        return +failures

    def _is_allowed(self, case: Case, outcome: Outcome, code: str) -> bool:
        """Whether what the request needed was away while it lived, or the model failed it again and again."""
        began, ended = self.asked_since(case), outcome.record.arrived
        allowed = ALLOWED_FAILURES.get(code, set())
        if any(outage.what in allowed and outage.overlaps(began, ended) for outage in self.injected.outages):
            return True
        if any(since <= ended and until >= began for since, until in self.stalls if until - since > LOCK_LOST_S):
            return True
        mark = self.mark(case)
        own = [call.fate for call in self.calls if call.mark == mark and began <= call.began <= ended] if mark else []
        if code == "LLM_BAD_OUTPUT":
            return USELESS in own
        return code == "LLM_UNAVAILABLE" and sum(fate in (REFUSED, BROKEN) for fate in own) >= TROUBLED_CALLS

    def _judge_bill(self) -> None:
        self._note("paid twice", self.bill.unexcused)
        repeated = sum(count for kind, count in self.bill.repeated.items() if kind not in NOT_STRUCK)
        if repeated > self.bill.allowed:
            self.violations.append(f"paid twice: {repeated} times, but only {self.bill.allowed} requests were struck")
        # A replay asks for what its request has asked for.
        needing = sum(_should_succeed(case) for case in cases_of(self.judge) if not case.request.replay) + self.enoughs
        if self.bill.units > needing:
            self.violations.append(f"paid twice: {self.bill.units} prompts were paid for {needing} requests")

    def _judge_hangs(self, cases: list[Case]) -> str:
        hangs = [outage for outage in self.injected.outages if outage.what == "primary"]
        judged, late = beside_a_hang(hangs, cases, self.stalls)
        if len(late) > (1 - LEAST_SHARE) * judged:
            self._note("beside a model that hangs", late)
        stood_in = sum(
            call.is_paid() and any(hang.overlaps(call.began, call.began) for hang in hangs)
            for call in self.fallback_calls
        )
        if hangs and not stood_in:
            self.violations.append("beside a model that hangs: the other one was never asked")
        return f"{judged - len(late)} of {judged} answered in time, {stood_in} calls to the other one"

    def _expect_nothing_of_what_was_lost(self) -> None:
        """An answer after the end of an interview whose end was lost has a question to answer again."""
        lost = {member for member, began, ended in self.dialogues if self._straddles(began, ended)}
        for case in self.judge.cases:
            expected = case.request.expected
            if case.request.member in lost and expected is not None and expected.code == "NO_ACTIVE_SESSION":
                case.request = replace(case.request, expected=None)

    def _stalled(self) -> list[Disruption]:
        """A machine that stands still for long is as a pause of every worker."""
        lives = {look.life for look in self.looks}
        return [
            Disruption(STALLED, life, began, ended, STALLED_IN_WORK)
            for began, ended in self.stalls if ended - began > LOCK_LOST_S
            for life in lives
        ]  # fmt: skip

    def _without_locks(self) -> list[Disruption]:
        """While Redis is away nobody can renew a lock, nor save what was paid for; nor can a worker that is paused."""
        lives = {look.life for look in self.looks}
        away = [outage for outage in self.injected.outages if outage.what.startswith("redis")]
        pauses = [each for each in self.injected.disruptions if each.kind == PAUSE and each.life is not None]
        return [
            Disruption(AWAY, life, outage.began, outage.ended, STALLED_IN_WORK)
            for outage in away if outage.ended - outage.began > LOCK_OUTLIVES_S
            for life in lives
        ] + [
            Disruption(AWAY, pause.life, outage.began, outage.ended, pause.in_work)
            for outage in away if outage.ended - outage.began <= LOCK_OUTLIVES_S
            for pause in pauses if outage.overlaps(pause.began, pause.ended)
            and max(outage.ended, pause.ended) - min(outage.began, pause.began) > LOCK_OUTLIVES_S
        ]  # fmt: skip

    def _losses(self) -> list[tuple[float, float]]:
        return [*self.injected.losses, *self.injected.rollbacks]

    def _moves(self) -> list[tuple[float, float]]:
        struck = [(each.began, each.ended) for each in self.injected.disruptions if each.kind in MOVES]
        away = [(outage.began, outage.ended) for outage in self.injected.outages if outage.what in MOVING_OUTAGES]
        return [(began, ended + MOVED_S) for began, ended in [*struck, *away]]

    def _straddles(self, began: float, ended: float | None) -> bool:
        return any(began <= end and (ended is None or ended >= start) for start, end in self._losses())

    def _lost_with(self, violation: Violation, dialogues: set[int]) -> bool:
        """Whether Redis lost the request's journal entry or the member's session while either was needed."""
        if not self._losses():
            return False
        if violation.member in dialogues and violation.flow != FEEDBACK:
            return True
        return any(
            # What was sent again counts from its second time, and may have been answered before.
            self._straddles(min(case.sends[0].at, case.outcomes[0].record.arrived), case.outcomes[-1].record.arrived)
            for case in self.judge.cases
            if case.request.member == violation.member and case.sends and case.outcomes
            and any(sent.address in violation.sentence for sent in case.sends)
        )  # fmt: skip


def _should_succeed(case: Case) -> bool:
    expected = case.request.expected
    return expected is None or expected.type == FEEDBACK_GENERATED


def _turns_in_words(served: Turns) -> dict[str, object]:
    return {
        "on its partition": {"requests": len(served.beside)} | quantiles(sorted(served.beside)),
        "elsewhere": {"requests": len(served.elsewhere)} | quantiles(sorted(served.elsewhere)),
    }


def quantiles(ordered: list[float]) -> dict[str, float]:
    return {name: _quantile(ordered, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0
