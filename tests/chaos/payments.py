"""What was paid at the model, and whether each repeated payment has an excuse. No I/O.

A unit of work is what one prompt asks for: it needs to be paid once. A call is paid when the model did the work: it
answered, or the caller went away while it was at it. A call that the model refused or broke itself is not paid.

The bill is each request's own. Two requests may have one prompt (a double click, a member who presses again after a
failure): what one paid and could not use, since it failed, the next one has to pay.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

ANSWERED, CUT, REFUSED, BROKEN, OPEN = "answered", "cut", "refused", "broken", "open"
HUNG, USELESS = "hung", "useless"
"""Fates of calls that the model let wait until it was healed, and of those that it was made to answer uselessly."""

LOSSY, ROLLBACK = "redis-loss", "rollback"
"""The faults that take away what was saved: all of it, or the last of it."""
SAVING_S = 5.0
"""How long after the model's answer it may take until that is saved."""
PAUSE, WAKING = "stop", "stop, on waking"
"""A worker that was paused may have to be paid for by another, and pay once more itself before it knows of that."""
FAILED = "failed"
"""The excuse of a payment after one that went into a request which failed."""
AFTER_PAUSE_S = 40.0
"""How long after a pause a worker may still be at what it was at before it: a request's deadline, and its turn."""


@dataclass(eq=False)
class Call:
    """A call as the model server saw it; times in seconds since the epoch."""

    unit: str
    """Digest of the prompt."""
    kind: str
    """feedback, question or resume."""
    mark: str
    """Tells the feedback request, or the dialogue, that it is for."""
    life: str
    """Which life of which worker called."""
    began: float
    ended: float | None = None
    fate: str = OPEN

    def is_paid(self) -> bool:
        return self.fate in (ANSWERED, CUT)


@dataclass(frozen=True)
class Failure:
    """A request that ended in a failure after which it may be tried again, or that went with its topic while it was in work."""

    mark: str
    at: float


@dataclass(frozen=True)
class Disruption:
    """A fault that cut through the work of one life of a worker, or (None) took from all what they had saved."""

    kind: str
    life: str | None
    began: float
    ended: float
    in_work: int
    """Requests that the worker had in work when it struck."""

    def excuses(self, first: Call, second: Call) -> bool:
        """Whether the work that `first` paid for may have been lost to it, so that `second` had to pay again."""
        if self.began > second.began:
            return False
        if self.life is None:
            # What had been saved before a rollback begins is still there.
            was_saved = self.kind == ROLLBACK and (first.ended or 0.0) + SAVING_S < self.began
            return self.ended >= first.began and not was_saved
        if self.kind == WAKING:
            return self.life == second.life and self.ended <= second.began <= self.ended + AFTER_PAUSE_S
        # A worker that was paused goes on without its locks, and does not know who has paid meanwhile.
        if self.life == first.life:
            return self.ended + AFTER_PAUSE_S >= first.began
        return self.life == second.life and self.ended + AFTER_PAUSE_S >= second.began


@dataclass
class Bill:
    """What it came to."""

    units: int = 0
    """Units of work that were paid at all: what everything costs when nothing goes wrong."""
    paid: int = 0
    cut: int = 0
    """Of the paid ones those whose caller went away."""
    not_paid: Counter[str] = field(default_factory=Counter)
    """Calls that the model refused or broke, by fate."""
    repeated: Counter[str] = field(default_factory=Counter)
    """Payments beyond the first of their unit, by the kind of the disruption that excuses them."""
    unexcused: list[str] = field(default_factory=list)
    allowed: int = 0
    """Requests that were in work at the disruptions of workers: as many payments may be repeated for them."""


def bill(calls: Iterable[Call], disruptions: list[Disruption], failures: Iterable[Failure] = ()) -> Bill:
    # A loss excuses whatever lay before it, so that it uses up no other excuse.
    disruptions = sorted(disruptions, key=lambda disruption: disruption.life is not None)
    disruptions += [replace(disruption, kind=WAKING) for disruption in disruptions if disruption.kind == PAUSE]
    result = Bill(allowed=sum(disruption.in_work for disruption in disruptions))
    units: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.is_paid():
            units[call.unit].append(call)
            result.cut += call.fate == CUT
        else:
            result.not_paid[call.fate] += 1
    unused_failures: dict[str, list[float]] = defaultdict(list)
    for failure in failures:
        unused_failures[failure.mark].append(failure.at)
    for paid in units.values():
        paid.sort(key=lambda call: call.began)
        result.units += 1
        result.paid += len(paid)
        unused = list(disruptions)
        for first, second in pairwise(paid):
            excuse = next((disruption for disruption in unused if disruption.excuses(first, second)), None)
            if excuse is not None:
                unused.remove(excuse)
                result.repeated[excuse.kind] += 1
            elif (failed := _failure_between(first, second, unused_failures[first.mark])) is not None:
                unused_failures[first.mark].remove(failed)
                result.repeated[FAILED] += 1
            elif first.fate == CUT:
                # The worker itself gave the call up, since the request's time was over.
                result.repeated["deadline"] += 1
            else:
                result.unexcused.append(
                    f"a {second.kind} was paid again by {second.life} at {second.began:.3f}, though {first.life} had "
                    f"paid it ({first.fate}) from {first.began:.3f} to {first.ended or 0:.3f}"
                )
    return result


def _failure_between(first: Call, second: Call, failures: list[float]) -> float | None:
    return next((at for at in failures if first.began <= at <= second.began), None)
