"""Plays runs to the table, good ones and spoilt ones, and checks that each is told as it was."""

from __future__ import annotations

from collections.abc import Callable

from checks import conclude
from scene import Event
from self_test import NOW, Tape, drop
from table import FAILED, PASSED, Row, as_markdown, as_text, longest_gap, not_run, rows_of, unfinished

LATER = NOW + 5000.0
COMPLETED, NEVER = 103, 104
"""Members: the tape's only one whose interview came to its résumé, and one who had none."""


def rows(spoil: Callable[[Tape], None] = lambda tape: None, wrong: str = "") -> list[Row]:
    """A run of two events, of which the second comes when all is over."""
    events = [Event("first", NOW + 1.0, NOW + 2.0, [wrong] if wrong else []), Event("second", LATER, LATER + 1.0)]
    return rows_of("a", "all that there is", conclude(spoil), events, LATER)


def a_good_run_passes() -> bool:
    found = rows()
    first, second, whole = found
    return (
        [row.verdict for row in found] == [PASSED] * 3 and second.requests == 0
        and whole.requests == first.requests > 0 and (whole.lost, whole.disordered) == (0, 0)
    )  # fmt: skip


def what_is_lost_is_counted_where_it_was_asked_for() -> bool:
    first, second, whole = rows(drop("FeedbackGenerated"))
    told = [(row.lost, row.verdict) for row in (first, second, whole)]
    return told == [(1, FAILED), (0, PASSED), (1, FAILED)]


def an_outcome_that_is_repeated_is_counted_and_no_fault() -> bool:
    usual, _, _ = rows()
    first, _, whole = rows(lambda tape: tape.repeat(tape.find("FeedbackGenerated")))
    return (first.repeats, whole.repeats, first.verdict) == (usual.repeats + 1, usual.repeats + 1, PASSED)


def what_an_event_claims_in_vain_fails_it_alone() -> bool:
    first, second, _ = rows(wrong="the worker is ready: not within 60 s")
    return (first.verdict, second.verdict) == (FAILED, PASSED)


def the_longest_gap_is_what_lies_in_the_span() -> bool:
    arrivals = [1.0, 2.0, 7.0, 8.0, 30.0]
    spans = [(0.0, 9.0), (8.0, 20.0), (7.0, 8.0), (40.0, 50.0), (3.0, 100.0)]
    return [longest_gap(arrivals, *span) for span in spans] == [5.0, 12.0, 1.0, 0.0, 22.0]


def an_interview_without_a_resume_is_noticed() -> bool:
    good = conclude(dialogues=[(COMPLETED, NOW, NOW + 5)])
    open_ = conclude(dialogues=[(COMPLETED, NOW, None)])
    never = conclude(dialogues=[(NEVER, NOW, NOW + 5)])
    return [len(unfinished(run, set())) for run in (good, open_, never)] == [0, 1, 1] and unfinished(
        never, {NEVER}
    ) == []


def all_rows_have_as_many_cells() -> bool:
    found = [*rows(), not_run("b", "what it is", "valkey-server is not installed")]
    lines = as_markdown(found).splitlines()
    return {line.count("|") for line in lines} == {10} and "valkey-server is not installed" in as_text(found)


CHECKS = [
    a_good_run_passes,
    what_is_lost_is_counted_where_it_was_asked_for,
    an_outcome_that_is_repeated_is_counted_and_no_fault,
    what_an_event_claims_in_vain_fails_it_alone,
    the_longest_gap_is_what_lies_in_the_span,
    an_interview_without_a_resume_is_noticed,
    all_rows_have_as_many_cells,
]
