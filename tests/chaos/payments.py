"""What was paid at the model, and whether each repeated payment has an excuse. No I/O.

A unit of work is what one prompt asks for: it needs to be paid once. A call is paid when the model did the work: it
answered, or the caller went away while it was at it. A call that the model refused or broke itself is not paid.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

ANSWERED, CUT, REFUSED, BROKEN, OPEN = "answered", "cut", "refused", "broken", "open"

LOSSY = "redis-loss"
"""The fault that takes away what was saved."""
AFTER_PAUSE_S = 40.0
"""How long after a pause a worker may still be at what it was at before it: a request's deadline, and its turn."""


@dataclass(eq=False)
class Call:
    """A call as the model server saw it; times in seconds since the epoch."""

    unit: str
    """Digest of the prompt."""
    kind: str
    """feedback, question or resume."""
    life: str
    """Which life of which worker called."""
    began: float
    ended: float | None = None
    fate: str = OPEN

    def is_paid(self) -> bool:
        return self.fate in (ANSWERED, CUT)


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
            return self.ended >= first.began
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


def bill(calls: Iterable[Call], disruptions: list[Disruption]) -> Bill:
    # A loss excuses whatever lay before it, so that it uses up no other excuse.
    disruptions = sorted(disruptions, key=lambda disruption: disruption.life is not None)
    result = Bill(allowed=sum(disruption.in_work for disruption in disruptions))
    units: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.is_paid():
            units[call.unit].append(call)
            result.cut += call.fate == CUT
        else:
            result.not_paid[call.fate] += 1
    for paid in units.values():
        paid.sort(key=lambda call: call.began)
        result.units += 1
        result.paid += len(paid)
        unused = list(disruptions)
        for first, second in zip(paid, paid[1:]):
            excuse = next((disruption for disruption in unused if disruption.excuses(first, second)), None)
            if excuse is not None:
                unused.remove(excuse)
                result.repeated[excuse.kind] += 1
            elif first.fate == CUT:
                # The worker itself gave the call up, since the request's time was over.
                result.repeated["deadline"] += 1
            else:
                result.unexcused.append(
                    f"a {second.kind} was paid again by {second.life} at {second.began:.3f}, though {first.life} had "
                    f"paid it ({first.fate}) from {first.began:.3f} to {first.ended or 0:.3f}"
                )
    return result
