"""Nobody waits in silence: whoever has no outcome yet can be told why. No I/O.

What tells is a worker's /readyz (a part that is named there, or no answer at all), the model's books (it is at work for
the member just now) and the order of a member's requests (an earlier one is not done). A request that is without all of
these for longer than it takes to say why and to be answered afterwards has waited in silence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from payments import HUNG, Call
from watch import LOOK_S, Look
from wire import ANSWER, FEEDBACK, INIT, Names

TOLD_S = 10.0
"""How long after something has gone wrong its worker has to say so."""
TURN_S = 10.0
"""How long an answer may take when nothing is wrong any more, the model's own time aside."""
SLACK_S = 2.0
"""What looking may be late."""
TELLS_NOTHING = {"outcome topics"}
"""What is told of how something is set up, and explains no waiting."""
CONCERNS = {"feedback group": {FEEDBACK}, "resume group": {INIT, ANSWER}, "s3": {ANSWER, INIT}}
"""Parts that only some flows need."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Wait:
    """A request from being sent to its outcome; without one to the end of the run."""

    about: str
    flow: str
    line: tuple[object, ...]
    """What is worked one after the other."""
    mark: str
    began: float
    ended: float | None


@dataclass(frozen=True)
class Outage:
    """Something that the workers need was away."""

    what: str
    parts: tuple[str, ...]
    """One of these has to be named; none: nobody needs to notice."""
    began: float
    ended: float
    alone: bool = False
    """Whether nothing else went wrong meanwhile."""

    def overlaps(self, began: float, ended: float) -> bool:
        return self.began <= ended and self.ended >= began


def silences(
    waits: Iterable[Wait], looks: list[Look], calls: Iterable[Call], stalls: list[Span], names: Names, end: float
) -> list[str]:
    """The requests that waited in silence. While the machine stalled nobody could say anything."""
    lines: dict[tuple[object, ...], list[Wait]] = defaultdict(list)
    for wait in waits:
        lines[wait.line].append(wait)
    told = {flow: merged([*_told(looks, flow, names), *stalls]) for flow in names.requests}
    at_work: dict[str, list[Span]] = defaultdict(list)
    for call in calls:
        if call.fate != HUNG:
            at_work[call.mark].append((call.began, call.ended or end))
    found = []
    for line in lines.values():
        turn = 0.0
        for wait in sorted(line, key=lambda wait: wait.began):
            began, ended = max(wait.began, turn), wait.ended or end
            turn = max(turn, ended)
            spans = merged([*told[wait.flow], *(at_work[wait.mark] if wait.mark else [])])
            gap, at = longest_gap(began, ended, spans)
            if gap > TOLD_S + TURN_S:
                found.append(f"{wait.about} waited for {gap:.1f} s from {at:.3f} on, and no worker said why")
    return found


def untold(outages: Iterable[Outage], looks: list[Look], stalls: list[Span]) -> tuple[int, list[str]]:
    """How often an outage had to be told, and what was not: by each worker that lived through its first seconds."""
    judged, found = 0, []
    lives: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        lives[look.life].append(look)
    for outage in outages:
        by = outage.began + TOLD_S + SLACK_S
        if not outage.parts or outage.ended < by or any(a < by and b > outage.began for a, b in stalls):
            continue
        for life, own in lives.items():
            near = [look for look in own if outage.began - SLACK_S <= look.at <= by]
            if not near or near[0].at > outage.began or near[-1].at < by - SLACK_S:
                continue
            if any(look.parts is None for look in near):
                continue
            judged += 1
            if not any(part in outage.parts for look in near for part in look.parts or {} if look.at >= outage.began):
                found.append(f"{life} did not name {' or '.join(outage.parts)} within {TOLD_S:.0f} s of: {outage.what}")
    return judged, found


def merged(spans: Iterable[Span]) -> list[Span]:
    result: list[Span] = []
    for began, ended in sorted(spans):
        if result and began <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], ended))
        else:
            result.append((began, ended))
    return result


def longest_gap(began: float, ended: float, spans: list[Span]) -> Span:
    """How long the longest time without any of the spans is, and when it begins."""
    edges = [(began, began), *((a, b) for a, b in spans if b > began and a < ended), (ended, ended)]
    gap, at = max((later[0] - earlier[1], earlier[1]) for earlier, later in pairwise(edges))
    return max(gap, 0.0), at


def _told(looks: Iterable[Look], flow: str, names: Names) -> Iterable[Span]:
    for look in looks:
        if look.parts is None or any(_explains(*part, flow, names) for part in look.parts.items()):
            yield look.at - LOOK_S, look.at + LOOK_S


def _explains(part: str, reason: str, flow: str, names: Names) -> bool:
    """Whether a request of this flow may have to wait for it. A dead-letter topic is no reason to have no outcome."""
    if part in TELLS_NOTHING or flow not in CONCERNS.get(part, {flow}):
        return False
    if part != "topics":
        return True
    named = {topic for topic in _topics(names) if re.search(rf"\b{re.escape(topic)}(?![\w-])", reason)}
    return not named or bool(named & {names.requests[flow], *names.outcomes})


def _topics(names: Names) -> list[str]:
    return [*names.requests.values(), *names.outcomes, *names.dead_letter_topics()]
