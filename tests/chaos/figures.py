"""The verdict: which of what the outsider's judge finds a fault excuses, and the figures of the run. No I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from judge import Case, Judge, Violation
from load import cases_of
from payments import LOSSY, Bill
from wire import FEEDBACK_GENERATED

ALLOWED_FAILURES = {"model": "LLM_UNAVAILABLE", "s3": "STORAGE_UNAVAILABLE"}
"""What a fault may make of a request: tried until its deadline, told to the member, and to be tried again."""
UNEXCUSED_BY_LOSS = ("missing", "invalid", "stray", "document", "dead letter")
"""What stays wrong even where Redis lost its data: no request may be without its outcome, no outcome malformed."""


@dataclass
class Run:
    """All that is known when it is over."""

    judge: Judge
    bill: Bill
    faults: Counter[str]
    troubled_model: bool
    """Whether the model also fails single calls."""
    losses: list[tuple[float, float]]
    dialogues: list[tuple[int, float, float | None]]
    """Member, begin and end."""
    documents: list[Violation]
    wrong: list[str]
    """What went wrong with the processes themselves."""
    enoughs: int
    """How often the model found that nothing more needs to be asked: such a turn pays twice."""
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def conclude(self) -> None:
        """Fills `figures` and `violations`."""
        lost = {member for member, began, ended in self.dialogues if self._straddles(began, ended)}
        kinds: Counter[str] = Counter()
        excused = 0
        for violation in [*self.judge.verdict(), *self.documents]:
            if violation.kind == "failed":
                continue  # Judged by its code below.
            if violation.kind not in UNEXCUSED_BY_LOSS and self._lost_with(violation, lost):
                excused += 1
                continue
            kinds[violation.kind] += 1
            self.violations.append(f"{violation.kind}: member {violation.member}: {violation.sentence}")
        self.violations += self.wrong
        failures = self._failures()
        self._judge_bill()
        cases = list(cases_of(self.judge))
        waits = sorted(wait for case in cases if (wait := case.latency_s()) is not None)
        letters = (record for case in self.judge.cases for record in case.dead_letters)
        dead = Counter(record.text_header("kafka_dlt-exception-fqcn") for record in letters)
        degraded = sum(outcome.body.get("degraded") is True for case in cases for outcome in case.first_outcomes())
        self.figures |= {
            "requests": len(cases),
            "records": sum(len(case.sends) for case in cases),
            "answered": sum(bool(case.outcomes) for case in cases),
            "without an outcome": kinds["missing"],
            "with two outcomes": kinds["doubled"],
            "order violations": kinds["disordered"],
            "other violations": len(self.violations) - kinds["missing"] - kinds["doubled"] - kinds["disordered"],
            "excused by the loss of Redis": excused,
            "outcomes sent again": sum(case.repeats() for case in cases),
            "outcomes": dict(Counter(o.type for case in cases for o in case.first_outcomes()).most_common()),
            "failures": dict(failures.most_common()),
            "degraded résumés": degraded,
            "dead letters": dict(dead.most_common()),
            "dialogues": {
                "begun": len(self.dialogues),
                "ended": sum(ended is not None for _, _, ended in self.dialogues),
            },
            "wait s": {name: _quantile(waits, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
            "model": {
                "work to pay": self.bill.units,
                "paid": self.bill.paid,
                "of these cut off": self.bill.cut,
                "paid again": dict(self.bill.repeated),
                "in work when struck": self.bill.allowed,
                "not paid": dict(self.bill.not_paid),
            },
            "faults": dict(self.faults.most_common()),
        }

    def _failures(self) -> Counter[str]:
        injected = {name.split()[0] for name in self.faults}
        allowed = {code for kind, code in ALLOWED_FAILURES.items() if kind in injected}
        if self.troubled_model:
            allowed.add(ALLOWED_FAILURES["model"])
        failures: Counter[str] = Counter()
        for case in cases_of(self.judge):
            for outcome in case.first_outcomes():
                failures[outcome.code] += bool(outcome.code)
                if outcome.retryable and outcome.code not in allowed and _should_succeed(case):
                    message = f"{case.request.about} ({case.sends[0].address}) ended in {outcome.code}"
                    self.violations.append(f"failed: member {case.request.member}: {message}")
        return +failures

    def _judge_bill(self) -> None:
        self.violations += [f"paid twice: {sentence}" for sentence in self.bill.unexcused]
        repeated = sum(count for kind, count in self.bill.repeated.items() if kind not in ("deadline", LOSSY))
        if repeated > self.bill.allowed:
            self.violations.append(f"paid twice: {repeated} times, but only {self.bill.allowed} requests were struck")
        needing = sum(_should_succeed(case) for case in cases_of(self.judge)) + self.enoughs
        if self.bill.units > needing:
            self.violations.append(f"paid twice: {self.bill.units} prompts were paid for {needing} requests")

    def _straddles(self, began: float, ended: float | None) -> bool:
        return any(began <= end and (ended is None or ended >= start) for start, end in self.losses)

    def _lost_with(self, violation: Violation, dialogues: set[int]) -> bool:
        """Whether Redis lost the request's journal entry or the member's session while either was needed."""
        if not self.losses:
            return False
        if violation.member in dialogues:
            return True
        return any(
            self._straddles(case.sends[0].at, case.outcomes[-1].record.arrived)
            for case in self.judge.cases
            if case.request.member == violation.member and case.sends and case.outcomes
            and case.sends[0].address in violation.sentence
        )  # fmt: skip


def _should_succeed(case: Case) -> bool:
    expected = case.request.expected
    return expected is None or expected.type == FEEDBACK_GENERATED


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0
