"""Whether members were served in time beside one that asks for hundreds of things, and beside a model that hangs. No I/O.

A turn comes when the model is first asked for a request: how long that call then takes is the model's own affair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from judge import Case
from payments import Call
from silence import Outage
from wire import FEEDBACK

TURN_AFTER_S = 3.0
"""How long a member may wait for a turn while nothing but another member's burst is in the way."""
IN_TIME_S = 10.0
KNOWN_AFTER_S = 10.0
"""After how long it has to be known that a model hangs; from then on answers have to come in `IN_TIME_S`."""
LEAST_SHARE = 0.95


@dataclass(frozen=True)
class Burst:
    """One member sent hundreds of requests at once; `ended` when the last of them was answered."""

    member: int
    partition: int
    records: int
    began: float
    ended: float


@dataclass(frozen=True)
class Turns:
    """How long others waited; those who share the partition with the burst and those who do not."""

    beside: list[float]
    elsewhere: list[float]
    late: list[str]


def turns(
    bursts: Iterable[Burst], cases: Iterable[Case], calls: Iterable[Call], stalls: list[tuple[float, float]]
) -> Turns:
    result = Turns([], [], [])
    first_call: dict[str, float] = {}
    for call in calls:
        first_call.setdefault(call.mark, call.began)
    cases = list(cases)
    bursts = list(bursts)
    for case, mark in free_feedbacks(cases):
        sent = case.sends[0]
        burst = next((burst for burst in bursts if burst.began <= sent.at <= burst.ended), None)
        if burst is None or case.request.member == burst.member:
            continue
        asked = first_call.get(mark, burst.ended)
        waited = asked - sent.at
        if any(began < asked and ended > sent.at for began, ended in stalls):
            continue
        (result.beside if sent.partition == burst.partition else result.elsewhere).append(waited)
        if waited > TURN_AFTER_S:
            result.late.append(
                f"{case.request.about} ({sent.address}) had its turn after {waited:.1f} s beside a burst"
            )
    return result


def beside_a_hang(
    outages: Iterable[Outage], cases: Iterable[Case], stalls: list[tuple[float, float]]
) -> tuple[int, list[str]]:
    """How many requests had another model to answer them, and which of them it did not answer in time."""
    hangs = [outage for outage in outages if outage.what == "primary" and outage.alone]
    judged, late = 0, []
    for case in free(cases):
        sent = case.sends[0]
        if case.request.expected is not None and case.request.expected.code:
            continue
        hang = next((hang for hang in hangs if hang.began <= sent.at < hang.ended), None)
        if hang is None:
            continue
        due = max(sent.at, hang.began + KNOWN_AFTER_S) + IN_TIME_S
        if any(began < due and ended > sent.at for began, ended in stalls):
            continue
        judged += 1
        outcome = case.outcomes[0] if case.outcomes else None
        if outcome is None or outcome.retryable or outcome.record.arrived > due:
            said = f"{outcome.code or outcome.type} after {case.latency_s():.1f} s" if outcome else "nothing"
            late.append(f"{case.request.about} ({sent.address}) got {said} beside a model that hangs")
    return judged, late


def free_feedbacks(cases: Iterable[Case]) -> Iterable[tuple[Case, str]]:
    """Feedback requests that need the model and whose member had no other one open when they were sent, with their marks."""
    for case in free(case for case in cases if case.request.flow == FEEDBACK):
        if case.request.expected is not None and not case.request.expected.code:
            yield case, mark_of_feedback(case)


def free(cases: Iterable[Case]) -> Iterable[Case]:
    """Requests that had nothing of their own member's before them."""
    lines: dict[tuple[int, bool], list[Case]] = defaultdict(list)
    for case in cases:
        if case.sends and not case.request.is_undecodable and case.request.replay == 0:
            lines[case.request.member, case.request.flow == FEEDBACK].append(case)
    for line in lines.values():
        busy_until = 0.0
        for case in sorted(line, key=lambda case: case.sends[0].at):
            if case.sends[0].at > busy_until:
                yield case
            busy_until = max(busy_until, max((outcome.record.arrived for outcome in case.outcomes), default=busy_until))


def mark_of_feedback(case: Case) -> str:
    """As the model finds it in the prompt."""
    return case.request.about.rsplit(" ", 1)[-1]
