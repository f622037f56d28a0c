"""A member in front of the résumé page: answers what is on the screen, and clicks as members click."""

from __future__ import annotations

from collections.abc import Generator

from traffic import SECRET, Writer
from wire import QUESTION_GENERATED, REQUEST_FAILED, RESUME_COMPLETED, Expected, Outcome, Request

Visit = Generator[list[Request], list[Outcome], None]
"""Yields what is sent at one moment, and is given the first outcome of each request once all have come."""

ATTEMPTS = 5
"""How often a member tries again after a failure that may be tried again."""


class Browser:
    def __init__(self, writer: Writer, member: int) -> None:
        self._writer = writer
        self._member = member

    def dialogue(self) -> Visit:
        """A whole dialogue, until the résumé has come."""
        writer = self._writer
        if writer.chance(0.05):
            yield [writer.invalid_init(self._member)]
        inputs = writer.inputs(self._member)
        shown = yield from self._start(inputs, "init")
        if writer.chance(0.2) and _is_question(shown):
            shown = yield from self._start(inputs, "reload")
        restarts = writer.chance(0.1)
        question_id = None
        while shown is not None and _is_question(shown):
            question_id = shown.body.get("questionId")
            if restarts and shown.body.get("questionNumber") == 2:
                restarts, old_question_id, question_id = False, question_id, None
                other = inputs | {"project_count": inputs["project_count"] + 1}
                shown = yield from self._start(other, "restart")
                if _is_question(shown):
                    yield [self._click(old_question_id, True, "answer in a tab from before the restart")]
                continue
            if writer.chance(0.05):
                yield [writer.invalid_answer(self._member)]
            shown = yield from self._reply(shown)
        if shown is not None and shown.type == RESUME_COMPLETED:
            yield from self._linger(question_id)

    def stranger(self) -> Visit:
        """An answer of a member who never began."""
        yield [self._click(None, False, "answer without a session")]

    def _start(self, inputs: dict, about: str) -> Generator[list[Request], list[Outcome], Outcome | None]:
        for _ in range(ATTEMPTS):
            clicks = 2 if self._writer.chance(0.05) else 1
            burst = [self._writer.init(self._member, inputs, about, clicks=clicks)]
            if clicks == 1 and self._writer.chance(0.1):
                burst.append(self._writer.init(self._member, inputs, f"double click of the {about}"))
            outcomes = yield burst
            if outcomes[-1].type != REQUEST_FAILED:
                return outcomes[-1]
            if not outcomes[-1].retryable:
                return None
        return None

    def _reply(self, shown: Outcome) -> Generator[list[Request], list[Outcome], Outcome | None]:
        writer = self._writer
        question_id = str(shown.body.get("questionId"))
        about = f"answer {shown.body.get('questionNumber')}"
        text = None if writer.chance(0.1) else f"Kafka로 주문 이벤트를 처리했습니다. {SECRET} {about}"
        for _ in range(ATTEMPTS):
            clicks = 2 if writer.chance(0.05) else 1
            burst = [
                writer.answer(self._member, text, question_id, writer.chance(0.5), about, clicks=clicks),
            ]
            if clicks == 1 and writer.chance(0.15):
                # Both clicks carry one timestamp, which lies before the moment the next question is asked.
                with_id = writer.chance(0.5)
                burst.append(writer.answer(self._member, text, question_id, with_id, f"double click of {about}"))
            outcomes = yield burst
            if outcomes[0].type != REQUEST_FAILED:
                return outcomes[0]
            if not outcomes[0].retryable:
                return None
            if len(outcomes) > 1 and outcomes[1].type != REQUEST_FAILED:
                return outcomes[1]  # The first click failed, so the second one was the answer.
        return None

    def _linger(self, question_id: str | None) -> Visit:
        if question_id is not None and self._writer.chance(0.1):
            yield [self._click(question_id, True, "second click on the last question, after the end")]
        if self._writer.chance(0.1):
            yield [self._click(None, False, "answer after the end")]

    def _click(self, means: str | None, with_id: bool, about: str) -> Request:
        text = f"다시 눌렀습니다. {SECRET}"
        if means is None:
            expected = Expected(REQUEST_FAILED, "NO_ACTIVE_SESSION")
            return self._writer.answer(self._member, text, None, False, about, expected=expected)
        return self._writer.answer(self._member, text, means, with_id, about)


def _is_question(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.type == QUESTION_GENERATED
