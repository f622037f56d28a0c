"""What came of the environments, as rows for people. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from figures import Run
from judge import Case
from load import cases_of
from scene import Event

PASSED, FAILED, NOT_RUN = "passed", "FAILED", "not run"
HEADS = (
    "environment",
    "what happened",
    "requests",
    "lost",
    "repeats",
    "order faults",
    "longest gap",
    "longest wait",
    "verdict",
)


@dataclass(frozen=True)
class Row:
    environment: str
    what: str
    requests: int
    lost: int
    """Without an outcome."""
    repeats: int
    """Outcomes that were sent again, each with the id and content of the first."""
    disordered: int
    gap_s: float
    """The longest time without any outcome while members asked."""
    wait_s: float
    """The longest that one request waited for its first outcome."""
    verdict: str

    def cells(self) -> list[str]:
        if self.verdict.startswith(NOT_RUN):
            return [self.environment, self.what, *[""] * 6, self.verdict]
        counts = [f"{self.requests:,}", str(self.lost), str(self.repeats), str(self.disordered)]
        return [self.environment, self.what, *counts, f"{self.gap_s:.1f} s", f"{self.wait_s:.1f} s", self.verdict]


def rows_of(name: str, about: str, run: Run, events: list[Event], asked_until: float) -> list[Row]:
    """One for each event, with what was asked for from then on, and one for all."""
    cases = list(cases_of(run.judge))
    arrivals = sorted(outcome.record.arrived for case in cases for outcome in case.outcomes)
    told = [violation for violation in run.violations if violation.startswith("disordered")]
    disordered = {case for case in cases if any(f"({sent.address})" in one for sent in case.sends for one in told)}
    ends = [event.began for event in events[1:]] + [float("inf")]
    rows = []
    for number, (event, end) in enumerate(zip(events, ends, strict=True)):
        began = event.began if number else 0.0
        own = [case for case in cases if case.sends and began <= run.asked_since(case) < end]
        row = _row(name, event.what, own, disordered, longest_gap(arrivals, began, min(end, asked_until)))
        rows.append(row if not event.wrong else replace(row, verdict=FAILED))
    whole = _row(name, f"all of it: {about}", cases, disordered, longest_gap(arrivals, 0.0, asked_until))
    return [*rows, replace(whole, verdict=FAILED if run.violations else PASSED)]


def not_run(name: str, about: str, why: str) -> Row:
    return Row(name, about, 0, 0, 0, 0, 0.0, 0.0, f"{NOT_RUN}: {why}")


def longest_gap(arrivals: list[float], began: float, ended: float) -> float:
    """Of the times between two outcomes the longest that begins in this span."""
    return max((later - earlier for earlier, later in pairwise(arrivals) if began <= earlier < ended), default=0.0)


def unfinished(run: Run, unsent: set[int]) -> list[str]:
    """Interviews that never came to a résumé, but for those of members whose requests never came to Kafka."""
    completed = run.judge.completed_members()
    return [
        f"dialogue: member {member}'s interview of {began:.3f} never came to a résumé"
        for member, began, ended in run.dialogues
        if member not in unsent and (ended is None or member not in completed)
    ]


def as_text(rows: Iterable[Row]) -> str:
    lines = [list(HEADS), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def as_markdown(rows: Iterable[Row]) -> str:
    lines = [list(HEADS), ["---"] * 2 + ["---:"] * 6 + ["---"], *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(name: str, what: str, cases: list[Case], disordered: set[Case], gap_s: float) -> Row:
    lost = sum(not case.outcomes for case in cases)
    wrong = sum(case in disordered for case in cases)
    # Who clicks twice is answered twice.
    repeats = sum(max(0, len(case.outcomes) - len(case.sends)) for case in cases)
    wait_s = max((wait for case in cases if (wait := case.latency_s()) is not None), default=0.0)
    return Row(name, what, len(cases), lost, repeats, wrong, gap_s, wait_s, FAILED if lost or wrong else PASSED)
