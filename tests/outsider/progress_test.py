"""What the good run tells of its requests, with one fault after another, as in self_test.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from self_test import NOW, Tape, body, good_run, header
from wire import FEEDBACK_GENERATED, PROGRESS

P = PROGRESS


def tell_nine_times(tape: Tape) -> None:
    """With an outcome that comes late enough for nine."""
    tape.change(tape.find(FEEDBACK_GENERATED), timestamp=int(NOW * 1000) + 10_000)
    for number in range(6):
        tape.progress(
            "feedback 1", "PROBLEM_FEEDBACK", 600 + 200 * number, "WRITING", problemId=42, text="핵심을 잘 짚었습니다."
        )


PROGRESS_FAULTS: list[tuple[str, str, Callable[[Tape], None]]] = [
    ("progress", "its sequence does not rise", body(P, 2, sequence=170)),
    ("progress", "its sequence is no number", body(P, 1, sequence="170")),
    ("progress", "half a sentence is told", body(P, 2, text="핵심을 잘 짚었습니다. UDP가 빠른")),
    ("progress", "a text has a label", body(P, 1, text="피드백: 핵심을 잘 짚었습니다.")),
    ("progress", "a text is told of what waits", body(P, 0, text="핵심을 잘 짚었습니다.")),
    ("progress", "a text of the résumé is told", body(P, 3, text="핵심을 잘 짚었습니다.")),
    ("progress", "a heading of 101 characters", body(P, 3, section="가" * 101)),
    ("progress", "a percentage goes back", body(P, 4, percent=19)),
    ("progress", "100 percent are told", body(P, 4, percent=100)),
    ("progress", "a stage that nobody knows", body(P, 0, stage="READING")),
    ("progress", "it waits twice", body(P, 1, stage="WAITING", text="(absent)")),
    ("progress", "problemId is lost", body(P, 0, problemId="(absent)")),
    ("progress", "another request is named", body(P, 0, requestId="f2")),
    ("progress", "another event is named", body(P, 0, eventName="ADVANCED_RESUME_INIT")),
    ("progress", "the context is told", body(P, 0, context={})),
    ("progress", "its key is lost", lambda t: t.change(t.find(P), key=None)),
    ("progress", "its type is an outcome's", header(P, "ce_type", b"FeedbackGenerated")),
    ("progress", "two records have one id", lambda t: t.repeat(t.find(P, 1))),
    (
        "progress",
        "two records are 100 ms apart",
        lambda t: t.change(t.find(P, 1), timestamp=t.records[t.find(P)].timestamp + 100),
    ),
    ("progress", "nine records are told", tell_nine_times),
    ("progress", "it comes after the outcome", lambda t: t.change(t.find(P, 2), timestamp=int(NOW * 1000) + 900)),
    ("progress", "nobody asked", header(P, "ce_causationid", b"f9")),
]


def check_what_is_counted() -> list[str]:
    """Best effort: a text that the outcome takes back is no fault, nor is what crosses where two workers were at it."""

    def judged(spoil: Callable[[Tape], None], may_cross: bool) -> tuple[list, dict[str, Any]]:
        tape = good_run()
        spoil(tape)
        judge = tape.judge()
        judge.progress.may_cross = lambda case: may_cross
        return judge.verdict(), judge.progress.figures()

    violations, figures = judged(lambda tape: None, False)
    wrong = (
        [] if figures == {"records": 7, "requests": 3, "texts": 2, "taken back": 0, "crossed": 0} else [f"{figures}"]
    )
    taken_back, figures = judged(body(P, 2, text="다른 문장입니다."), False)
    if taken_back or figures["taken back"] != 1:
        wrong.append(f"a text that was taken back: {taken_back}, {figures}")
    crossed, figures = judged(body(P, 2, sequence=5), True)
    if crossed or figures["crossed"] != 1:
        wrong.append(f"what crossed: {crossed}, {figures}")
    return wrong + [f"{violation}" for violation in violations]
