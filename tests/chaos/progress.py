"""When two workers may tell of one request: what they tell of it then crosses, and no rule is broken. No I/O."""

from __future__ import annotations

from collections.abc import Callable

from faults import Injected
from judge import Case

MOVES, MOVING_OUTAGES = ("kill", "stop", "rolling"), ("broker", "topic", "redis")
"""Faults after which partitions move, and outages in which they do, or locks run out."""
MOVED_S = 60.0
"""How long after these another worker may still find what the one before had begun."""

Span = tuple[float, float]


def crossings(injected: Injected, stalls: list[Span]) -> Callable[[Case], bool]:
    """Says of a request whether it was in the process while its partition, or its lock, may have changed hands."""
    struck = [(each.began, each.ended) for each in injected.disruptions if each.kind in MOVES]
    away = [(each.began, each.ended) for each in injected.outages if each.what.startswith(MOVING_OUTAGES)]
    spans = [(began, ended + MOVED_S) for began, ended in [*struck, *away, *stalls]]
    spans += [*injected.losses, *injected.rollbacks]

    def may_cross(case: Case) -> bool:
        began = min((sent.at for sent in case.sends), default=0.0)
        ended = max((outcome.record.arrived for outcome in case.outcomes), default=began)
        return any(since <= ended and until >= began for since, until in spans)

    return may_cross
