"""What a failover of a store may cost, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from payments import ROLLBACK, Disruption
from scene import Event, Scene
from wire import FEEDBACK

INTERVIEW = re.compile(r"^dialogue: member \d+'s interview of ([\d.]+) never came to a résumé")
NO_ACTIVE_SESSION = "NO_ACTIVE_SESSION"


@dataclass
class Failover:
    """A primary that goes."""

    event: Event
    over_at: float | None = None
    """When another had taken its place, and everybody had found it; None: at the event's end."""


@contextmanager
def lossy(scene: Scene, what: str) -> Iterator[Failover]:
    """What replicas do not have goes with the primary: what was saved since the event's beginning may be paid again and come
    out differently, and who saw a question that is lost is told to begin again."""
    with _failover(scene, what) as failover:
        yield failover
        scene.injected.rollbacks.append((failover.event.began, failover.over_at or scene.now()))


@contextmanager
def lossless(scene: Scene, what: str) -> Iterator[Failover]:
    """Nothing that anybody was shown is lost; what was not sent yet may be paid again."""
    with _failover(scene, what) as failover:
        yield failover


@contextmanager
def _failover(scene: Scene, what: str) -> Iterator[Failover]:
    with scene.event(what) as event:
        failover = Failover(event)
        yield failover
        over_at = failover.over_at or scene.now()
        scene.injected.disruptions.append(Disruption(ROLLBACK, None, event.began, over_at, 0))


def sent_back(scene: Scene, since: float) -> int:
    """How many answers to a question that was on the screen were told that nobody knows it."""
    return sum(
        outcome.code == NO_ACTIVE_SESSION
        for case in scene.load._judge.cases
        if case.request.flow != FEEDBACK and case.request.expected is None and case.sends and case.sends[0].at >= since
        for outcome in case.first_outcomes()
    )


def excuse_of_loss(scene: Scene | None, violation: str) -> str | None:
    """Interviews that spanned a loss are told to begin again."""
    found = INTERVIEW.match(violation)
    losses = scene.injected.rollbacks if scene is not None else []
    if found and any(float(found[1]) <= until for _, until in losses):
        return "Redis lost its last seconds, and the member was told"
    return None
