"""What members had on their screens, whatever became of the store: an answer to the question there is never met with
silence, and never stored under another question. No I/O."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from judge import Case
from wire import ANSWER, FEEDBACK, QUESTION_GENERATED, RESUME_COMPLETED, Outcome

SILENT_CODE = "STALE_ANSWER"
"""The failure that no member sees."""
SEEN_S = 2.0
"""How much later than such a failure what the member sees instead may come: they are of different topics."""


@dataclass
class Screens:
    faults: list[str] = field(default_factory=list)
    under_an_earlier_question: int = 0
    """Answers without a question's id whose worker had not shown the question: what is left without REDIS_WAIT_REPLICAS."""


def look_at_screens(
    cases: Iterable[Case], losses: list[tuple[float, float]], moves: list[tuple[float, float]]
) -> Screens:
    """`losses`: when the store lost something; `moves`: when partitions may have moved to a worker that knows no screen."""
    result = Screens()
    members: dict[int, list[Case]] = defaultdict(list)
    for case in cases:
        if case.request.flow != FEEDBACK and case.sends and not case.request.is_undecodable:
            members[case.request.member].append(case)
    for own in members.values():
        shown = sorted(
            (outcome for case in own for outcome in case.first_outcomes() if _shows(outcome)),
            key=lambda outcome: outcome.record.arrived,
        )
        for case in own:
            _judge(case, own, shown, losses, moves, result)
    return result


def _judge(
    case: Case, own: list[Case], shown: list[Outcome], losses: list[tuple[float, float]],
    moves: list[tuple[float, float]], result: Screens,
) -> None:  # fmt: skip
    request, sent = case.request, case.sends[0]
    if request.flow != ANSWER or request.means is None or request.replay or not case.outcomes:
        return
    screen = next((outcome for outcome in reversed(shown) if outcome.record.arrived <= sent.at), None)
    if screen is None or screen.body.get("questionId") != request.means:
        return
    same = [other for other in own if other.request.flow == ANSWER and other.request.means == request.means]
    # Another answer to an earlier question, which was lost, may have moved the screen on meanwhile.
    answered = max(outcome.record.arrived for outcome in case.outcomes)
    moved_on = any(
        sent.at < other.record.arrived <= answered + SEEN_S
        and other.body.get("sessionId") == screen.body.get("sessionId")
        for other in shown
    )
    if not moved_on and all(outcome.code == SILENT_CODE for other in same for outcome in other.outcomes):
        result.faults.append(
            f"silence: member {request.member}: {request.about} ({sent.address}) was stale on the screen"
        )
    outcome = case.decisive_outcome()
    if not _shows(outcome) or _follows(outcome, screen):
        return
    until = outcome.record.arrived
    was_lost = any(began <= until and ended >= screen.record.arrived for began, ended in losses)
    has_moved = any(began <= until and ended >= screen.record.arrived for began, ended in moves)
    if was_lost and has_moved and not _names_its_question(case):
        result.under_an_earlier_question += 1
        return
    result.faults.append(
        f"wrong question: member {request.member}: {request.about} ({sent.address}) answered question "
        f"{screen.body.get('questionNumber')}, and {outcome.type} {outcome.body.get('questionNumber', '')} came of it"
    )


def _shows(outcome: Outcome) -> bool:
    return outcome.type in (QUESTION_GENERATED, RESUME_COMPLETED)


def _follows(outcome: Outcome, screen: Outcome) -> bool:
    if outcome.body.get("sessionId") != screen.body.get("sessionId"):
        return False
    number = screen.body.get("questionNumber", 0)
    return outcome.type == RESUME_COMPLETED or outcome.body.get("questionNumber") == number + 1


def _names_its_question(case: Case) -> bool:
    try:
        body = json.loads(case.request.value or b"")
    except ValueError:
        return False
    return any(body.get(name) is not None for name in ("questionId", "question_id"))
