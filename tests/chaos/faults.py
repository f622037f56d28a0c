"""What goes wrong, when, and for how long. A fault is a generator that yields the seconds until it wants to go on."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field

from bus import Bus, Topics
from load import Load
from payments import Disruption
from silence import Outage
from stand import Stand
from turns import Burst

KINDS = (
    "kill", "stop", "rolling", "broker", "redis", "s3", "model",
    "primary", "redis-refuses", "rollback", "hot", "topic", "replay", "dead-letters",
)  # fmt: skip
"""The usual ones. `LOSSY` is not among them: what a loss makes legitimate is judged by rules of its own."""
SHORT_KINDS = tuple(kind for kind in KINDS if kind not in ("hot", "topic", "rollback", "replay"))
"""Those of a short run. What the others do takes long to see, or what it excuses is hard to tell while much else goes wrong;
`tests/in_process` and `tests/e2e` prove it one by one."""
LOOK_S = 0.25
RETRY_S = 1.0
CALM_S = 4.0
"""How long nothing may be wrong before a fault that is judged by time begins."""
CALM_AT_LAST_S = 60.0
"""After how long it begins all the same."""

Script = Generator[float, None, None]


@dataclass
class Stage:
    """Everything that a fault can hit."""

    stand: Stand
    bus: Bus
    topics: Topics
    load: Load
    rng: random.Random

    def now(self) -> float:
        return self.stand.clock.now()

    def tell(self, line: str) -> None:
        self.stand.tell(line)


@dataclass
class Injected:
    """What was done."""

    counts: Counter[str] = field(default_factory=Counter)
    disruptions: list[Disruption] = field(default_factory=list)
    losses: list[tuple[float, float]] = field(default_factory=list)
    """When Redis lost all its data: from its end until it was empty again."""
    rollbacks: list[tuple[float, float]] = field(default_factory=list)
    """From when on Redis lost what it had saved, until it was back."""
    outages: list[Outage] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    records_lost: int = 0
    """Those that may have gone with their topic."""
    replayed: int = 0
    wrong: list[str] = field(default_factory=list)
    """What went wrong with processes, and faults that were none."""

    def turn(self, kind: str, modes: tuple[str, ...]) -> str:
        """The modes of a fault take turns, so that a short run has each of them."""
        mode = modes[sum(self.counts[f"{kind} {mode}"] for mode in modes) % len(modes)]
        self.counts[f"{kind} {mode}"] += 1
        return mode


@dataclass(frozen=True)
class Fault:
    """A kind of fault: what it can hit, one of them at a time, and what must not be hit by another meanwhile."""

    targets: list[Hashable]
    script: Callable[..., Script]
    beside: frozenset[Hashable] = frozenset()
    alone_s: float = 0.0
    """It is judged by time, so that nothing else may be wrong meanwhile: about so long."""


class Faults:
    """Starts faults at random times, at most one for each thing at a time."""

    def __init__(self, stage: Stage, known: dict[str, Fault], hit: set[Hashable], last: Script | None) -> None:
        self._stage = stage
        self._known = known
        self._hit = hit
        """What a fault is at."""
        self._last = last
        """What is done when all others are over."""
        self._alone: list[object] = []
        """Those that must be alone and wait for it; the first one may be at it."""
        self._due: list[tuple[float, int, Script]] = []
        self._plan: list[tuple[float, str]] = []
        self._ties = itertools.count()

    def plan(self, start: float, seconds: float, every_s: float, kinds: list[str]) -> None:
        """A fault every `every_s`, or more often where each kind would not come once. Those that are to be alone come first,
        and with every second round of the others."""
        rng = self._stage.rng
        alone = [kind for kind in kinds if self._known[kind].alone_s]
        others = [kind for kind in kinds if kind not in alone]
        alone_s = sum(self._known[kind].alone_s for kind in alone)
        every_s = min(every_s, max(seconds - alone_s, 0.0) / len(others)) if others else every_s
        at, end, rounds = start, start + seconds, 0
        while kinds and at < end:
            with_alone = rounds % 2 == 0 or not others
            for kind in [*(alone if with_alone else []), *rng.sample(others, len(others))]:
                lasts_s = self._known[kind].alone_s or every_s
                if at < end:
                    self._plan.append((at if kind in alone else at + rng.uniform(0.2, 0.8) * every_s, kind))
                at += max(lasts_s, LOOK_S)
            rounds += 1

    def go_on(self) -> None:
        now = self._stage.now()
        while self._plan and self._plan[0][0] <= now:
            _, kind = self._plan.pop(0)
            self._push(0.0, self._script(self._known[kind]))
        if self.is_last_due():
            self._push(0.0, self._last)
            self._last = None
        while self._due and self._due[0][0] <= self._stage.now():
            _, _, script = heapq.heappop(self._due)
            with contextlib.suppress(StopIteration):
                self._push(next(script), script)

    def is_last_due(self) -> bool:
        return self._last is not None and not self._due and not self._plan

    def are_over(self) -> bool:
        return not self._due and not self._plan and self._last is None

    def _push(self, after_s: float, script: Script) -> None:
        heapq.heappush(self._due, (self._stage.now() + after_s, next(self._ties), script))

    def _script(self, fault: Fault) -> Script:
        """The fault itself, once what it hits is not being hit by another."""
        if fault.alone_s:
            yield from self._script_alone(fault)
            return
        while self._alone or not (free := [t for t in fault.targets if not self._hit & {t, *fault.beside}]):
            yield RETRY_S
        target = self._stage.rng.choice(free)
        held = {target, *fault.beside}
        self._hit |= held
        try:
            yield from fault.script(target)
        finally:
            self._hit -= held

    def _script_alone(self, fault: Fault) -> Script:
        token, began = object(), self._stage.now()
        self._alone.append(token)
        try:
            calm_since = began
            while self._stage.now() - calm_since < CALM_S and self._stage.now() - began < CALM_AT_LAST_S:
                if self._alone[0] is not token or self._hit or not self._is_calm():
                    calm_since = self._stage.now()
                yield RETRY_S
            yield from fault.script(self._stage.rng.choice(fault.targets))
        finally:
            self._alone.remove(token)

    def _is_calm(self) -> bool:
        return all(worker.is_calm() for worker in self._stage.stand.workers)
