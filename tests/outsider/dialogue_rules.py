"""What a member's résumé dialogue must look like as a whole: contract sections 3 and 6. Pure.

A model of the session walks through the member's requests in the order in which they were sent, and says of each
whether its outcome is one that the contract allows there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from wire import INIT, QUESTION_GENERATED, REQUEST_FAILED, RESUME_COMPLETED, Names, Outcome, Request, Sent

SEOUL = timezone(timedelta(hours=9))
CLOCK_TOLERANCE_S = 5.0
"""How far the worker's clock may be from ours before a time counts as wrong."""


@dataclass(frozen=True)
class Step:
    """A request of the dialogue with its first outcome."""

    request: Request
    sent: Sent
    outcome: Outcome


@dataclass
class Session:
    """What must be true of the session after the steps so far."""

    id: str
    begun: Step
    question: Outcome | None = None
    """The question on screen; None when the résumé is done."""

    def repeats_for(self, init: Request) -> bool:
        """Whether an init with these inputs gets the question on screen again."""
        first = self.question is not None and self.question.body.get("questionNumber") == 1
        return first and self.begun.request.inputs == init.inputs


@dataclass
class Dialogue:
    """Follows one member; `faults` holds (step, kind, sentence)."""

    names: Names
    session: Session | None = None
    seen_sessions: set[str] = field(default_factory=set)
    seen_questions: set[str] = field(default_factory=set)
    faults: list[tuple[Step, str, str]] = field(default_factory=list)

    def follow(self, step: Step) -> None:
        if step.request.expected is not None or step.outcome.retryable:
            return  # Such an outcome leaves the session as it is, and is judged elsewhere.
        if step.request.flow == INIT:
            self._follow_init(step)
        else:
            self._follow_answer(step)

    def _follow_init(self, step: Step) -> None:
        outcome, session = step.outcome, self.session
        is_replay = step.request.replay > 0 and session is not None
        if outcome.type == REQUEST_FAILED:
            # An interview begins when its init is worked.
            has_begun = is_replay and session.begun.outcome.record.arrived > first_sent(step)
            if not (has_begun and outcome.code == "STALE_ANSWER"):
                self._fault(step, "dialogue", f"a valid init ended in {outcome.code}")
            return
        is_newer = is_replay and session.begun.sent.at > first_sent(step)
        if is_newer and outcome.body.get("sessionId") != session.id:
            self._fault(step, "dialogue", "a replayed init took the place of a newer interview")
        if session and session.question and session.repeats_for(step.request):
            self._check_same_question(step, session.question)
            return
        session_id = str(outcome.body.get("sessionId"))
        if session_id in self.seen_sessions:
            self._fault(step, "dialogue", "a new session has the id of an earlier one")
        self.session = Session(session_id, step)
        self.seen_sessions.add(session_id)
        self._advance(step, self.session, number=1)

    def _check_same_question(self, step: Step, shown: Outcome) -> None:
        again = step.outcome.content() | {"context": None}  # Each request has its own.
        if step.outcome.type != QUESTION_GENERATED or again != shown.content() | {"context": None}:
            self._fault(step, "dialogue", "the first question, still unanswered, did not come again for the same init")

    def _follow_answer(self, step: Step) -> None:
        outcome, session = step.outcome, self.session
        if session and session.question and step.request.means == session.question.body.get("questionId"):
            if outcome.type == REQUEST_FAILED:
                self._fault(step, "dialogue", f"an answer to the question on screen ended in {outcome.code}")
                return
            if outcome.body.get("sessionId") != session.id:
                self._fault(step, "dialogue", "an answer was answered from another session")
            number = session.question.body.get("questionNumber", 0) + 1
            if number > session.question.body.get("maxQuestions", 0) and outcome.type != RESUME_COMPLETED:
                self._fault(step, "disordered", "the answer to the last question brought no résumé")
            self._advance(step, session, number)
            return
        # A click with nothing on the screen is an answer to no session, any other one belongs to an earlier question.
        wanted = "NO_ACTIVE_SESSION" if session is None or step.request.means is None else "STALE_ANSWER"
        if outcome.code != wanted:
            self._fault(step, "dialogue", f"{outcome.code or outcome.type} instead of {wanted}")

    def _advance(self, step: Step, session: Session, number: int) -> None:
        outcome = step.outcome
        if outcome.type == QUESTION_GENERATED:
            if outcome.body.get("questionNumber") != number:
                found = outcome.body.get("questionNumber")
                self._fault(step, "disordered", f"question number {found} came where {number} was due")
            question_id = str(outcome.body.get("questionId"))
            if question_id in self.seen_questions:
                self._fault(step, "dialogue", "a new question has the id of an earlier one")
            self.seen_questions.add(question_id)
            session.question = outcome
        elif outcome.type == RESUME_COMPLETED:
            session.question = None
            self._check_key(step, session)

    def _check_key(self, step: Step, session: Session) -> None:
        key = str(step.outcome.body.get("resumeObjectKey"))
        prefix = re.escape(f"{self.names.upload_prefix}{step.request.member}/")
        match = re.fullmatch(prefix + r"resume_agent_(\d{8}_\d{6})_([0-9a-f]{8})\.docx", key)
        if match is None:
            self._fault(step, "document", f"the key {key!r} has not the form of section 6")
            return
        if match[2] not in session.id.replace("-", "").lower():
            self._fault(step, "document", f"the key {key!r} has no 8 digits of the session id {session.id}")
        try:
            begun = datetime.strptime(match[1], "%Y%m%d_%H%M%S").replace(tzinfo=SEOUL).timestamp()
        except ValueError:
            begun = 0.0
        earliest = first_sent(session.begun) - 1 - CLOCK_TOLERANCE_S  # The key drops the fraction of the second.
        if not earliest <= begun <= session.begun.outcome.record.arrived + CLOCK_TOLERANCE_S:
            self._fault(step, "document", f"the key {key!r} has not the session's start in Asia/Seoul")

    def _fault(self, step: Step, kind: str, sentence: str) -> None:
        self.faults.append((step, kind, sentence))


def first_sent(step: Step) -> float:
    """When a request was sent for the first time, in seconds since the epoch."""
    said = step.request.last_header("replay-original-timestamp")
    if said and said.isdigit():
        return int(said) / 1000
    return step.sent.at if step.request.since is None else step.request.since
