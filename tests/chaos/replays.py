"""What came of requests that were sent back from the dead letters: answered once, and only where nobody had. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from judge import Case

SEEN_S = 2.0
"""How long before the command began an outcome must have come for it to know of it."""


@dataclass
class Family:
    """A request and its replays, each a case of its own with the time at which the command began that sent it."""

    first: Case
    replays: list[tuple[Case, float]] = field(default_factory=list)

    def outcomes_after(self, replay: Case) -> int:
        """How many outcomes have come, of whichever trip, since this one was on its way."""
        cases = [self.first, *(case for case, _ in self.replays)]
        at = replay.sends[-1].at
        return sum(outcome.record.timestamp / 1000 >= at for case in cases for outcome in case.outcomes)

    def is_answered(self, replay: Case) -> bool:
        """A replay of what was answered meanwhile is met with that very answer, which is the first case's own."""
        return len(replay.outcomes) >= len(replay.sends) or self.outcomes_after(replay) > 0


def replay_faults(families: Iterable[Family]) -> list[str]:
    found = []
    for family in families:
        finals = {
            outcome.ce_id: outcome
            for case in (family.first, *(case for case, _ in family.replays))
            for outcome in case.outcomes
            if not outcome.retryable
        }
        about = f"member {family.first.request.member}: {family.first.request.about}"
        if len(finals) > 1:
            kinds = ", ".join(outcome.code or outcome.type for outcome in finals.values())
            found.append(f"{about} has {len(finals)} answers, of replays: {kinds}")
        first_final = min((outcome.record.arrived for outcome in finals.values()), default=None)
        for replay, began in family.replays:
            if first_final is not None and first_final < began - SEEN_S:
                found.append(f"{about} was replayed {began - first_final:.1f} s after it had been answered")
            if not family.is_answered(replay):
                found.append(f"{about} was replayed, and nothing came of it")
    return found


def drop_answered_by_the_first(cases: list[Case], families: Iterable[Family]) -> list[Case]:
    """Without the replays that were met with an answer which was there: they are no requests of their own."""
    met = {id(case) for family in families for case, _ in family.replays if not case.outcomes}
    return [case for case in cases if id(case) not in met]
