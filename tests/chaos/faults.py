"""What goes wrong, when, and for how long. A fault is a generator that yields the seconds until it wants to go on."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
import signal
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass

from load import Bus
from payments import LOSSY, Disruption
from services import Broker, Redis
from stand import GRACE_S
from workers import Worker

KINDS = ("kill", "stop", "rolling", "broker", "redis", "s3", "model")
"""The usual ones. `LOSSY` is not among them: what a loss makes legitimate is judged by rules of its own."""
LOOK_S = 0.25
READY_S = 40.0
"""How long a fault waits for a worker to be ready before it goes on all the same (something else may be down)."""
STOP_SLACK_S = 15.0
"""How long after its grace a worker may take to end."""
RETRY_S = 1.0

Script = Generator[float, None, None]


@dataclass
class Stage:
    """Everything that a fault can hit."""

    workers: list[Worker]
    broker: Broker
    redis: Redis
    bus: Bus
    fail: Callable[[str, str], None]
    """Makes `s3` or `model` behave in a mode; "well" heals."""
    now: Callable[[], float]
    tell: Callable[[str], None]


class Faults:
    """Starts faults at random times, at most one for each thing at a time."""

    def __init__(self, stage: Stage, seed: int, kinds: list[str]) -> None:
        self.injected: Counter[str] = Counter()
        self.disruptions: list[Disruption] = []
        self.losses: list[tuple[float, float]] = []
        """When Redis lost its data: from its end until it was empty again."""
        self.wrong: list[str] = []
        self._stage = stage
        self._rng = random.Random(f"{seed}/faults")
        self._kinds = kinds
        self._hit: set[object] = set()
        """What a fault is at."""
        self._due: list[tuple[float, int, Script]] = []
        self._plan: list[tuple[float, str]] = []
        self._ties = itertools.count()

    def plan(self, start: float, seconds: float, every_s: float) -> None:
        """A fault every `every_s` on average; each kind comes about as often as the others."""
        deck: list[str] = []
        at = start + self._rng.uniform(0.3, 0.7) * every_s
        while self._kinds and at < start + seconds:
            if not deck:
                deck = self._rng.sample(self._kinds, len(self._kinds))
            self._plan.append((at, deck.pop()))
            at += self._rng.uniform(0.5, 1.5) * every_s

    def go_on(self) -> None:
        now = self._stage.now()
        while self._plan and self._plan[0][0] <= now:
            _, kind = self._plan.pop(0)
            self._push(0.0, self._script(kind))
        while self._due and self._due[0][0] <= self._stage.now():
            _, _, script = heapq.heappop(self._due)
            with contextlib.suppress(StopIteration):
                self._push(next(script), script)

    def are_over(self) -> bool:
        return not self._due and not self._plan

    def _push(self, after_s: float, script: Script) -> None:
        heapq.heappush(self._due, (self._stage.now() + after_s, next(self._ties), script))

    def _script(self, kind: str) -> Script:
        """The fault itself, once what it hits is not being hit by another."""
        targets: dict[str, tuple[list[object], Callable[..., Script]]] = {
            "kill": (list(self._stage.workers), self._kill),
            "stop": (list(self._stage.workers), self._stop),
            "rolling": (["rolling"], self._rolling),
            "broker": ([self._stage.broker], self._broker),
            "redis": ([self._stage.redis], self._redis),
            LOSSY: ([self._stage.redis], self._redis_loss),
            "s3": (["s3"], self._outage),
            "model": (["model"], self._outage),
        }
        candidates, fault = targets[kind]
        while not (free := [candidate for candidate in candidates if candidate not in self._hit]):
            yield RETRY_S
        target = self._rng.choice(free)
        self._hit.add(target)
        try:
            yield from fault(target)
        finally:
            self._hit.discard(target)

    def _turn(self, kind: str, modes: tuple[str, ...]) -> str:
        """The modes of a fault take turns, so that a short run has each of them."""
        mode = modes[sum(self.injected[f"{kind} {mode}"] for mode in modes) % len(modes)]
        self.injected[f"{kind} {mode}"] += 1
        return mode

    def _kill(self, worker: Worker) -> Script:
        self.injected["kill"] += 1
        in_work = worker.in_work()
        life = worker.life
        worker.kill()
        self._note("kill", life, self._stage.now(), in_work)
        yield self._rng.uniform(0.2, 4.0)
        worker.start()
        yield from self._until_ready(worker)

    def _stop(self, worker: Worker) -> Script:
        self.injected["stop"] += 1
        in_work, began, pause = worker.in_work(), self._stage.now(), self._rng.uniform(5.0, 25.0)
        worker.signal(signal.SIGSTOP)
        self._stage.tell(f"stop {worker.life} for {pause:.1f} s, {in_work} in work")
        yield pause
        worker.signal(signal.SIGCONT)
        self._note("stop", worker.life, began, in_work)

    def _rolling(self, _: str) -> Script:
        self.injected["rolling"] += 1
        for worker in self._stage.workers:
            while worker in self._hit:
                yield RETRY_S
            self._hit.add(worker)
            try:
                yield from self._restart(worker)
            finally:
                self._hit.discard(worker)

    def _restart(self, worker: Worker) -> Script:
        in_work, began, life = worker.in_work(), self._stage.now(), worker.life
        worker.terminate()
        while worker.exit_code() is None:
            if self._stage.now() - began > GRACE_S + STOP_SLACK_S:
                self.wrong.append(f"{life} was still there {GRACE_S + STOP_SLACK_S:.0f} s after SIGTERM")
                worker.kill()
            yield LOOK_S
        if (code := worker.exit_code()) not in (0, -signal.SIGKILL):
            self.wrong.append(f"{life} ended with {code} on SIGTERM:\n{worker.tail()}")
        # Whatever could be finished within the grace was.
        cut = self._stage.now() - began >= GRACE_S
        self._note("rolling", life, began, in_work if cut else 0)
        worker.start()
        yield from self._until_ready(worker)

    def _broker(self, broker: Broker) -> Script:
        if self._turn("broker", ("kill", "stop")) == "kill":
            broker.kill()
            self._stage.tell("broker killed")
            yield self._rng.uniform(5.0, 20.0)
            broker.start()
        else:
            pause = self._rng.uniform(5.0, 15.0)
            broker.signal(signal.SIGSTOP)
            self._stage.tell(f"broker stopped for {pause:.1f} s")
            yield pause
            broker.signal(signal.SIGCONT)
        while not broker.answers():
            broker.check()
            yield LOOK_S
        self._stage.bus.renew()
        self._stage.tell("broker is back")

    def _redis(self, redis: Redis) -> Script:
        self.injected["redis"] += 1
        redis.kill()
        self._stage.tell("redis killed")
        yield self._rng.uniform(0.5, 12.0)
        redis.start()
        yield from self._until_redis(redis)

    def _redis_loss(self, redis: Redis) -> Script:
        self.injected[LOSSY] += 1
        began = self._stage.now()
        redis.kill()
        redis.lose_everything()
        yield self._rng.uniform(0.5, 12.0)
        redis.start()
        yield from self._until_redis(redis)
        self.losses.append((began, self._stage.now()))
        self.disruptions.append(Disruption(LOSSY, None, began, self._stage.now(), 0))
        self._stage.tell("redis lost everything")

    def _outage(self, what: str) -> Script:
        mode, seconds = self._turn(what, ("refuse", "hang")), self._rng.uniform(3.0, 20.0)
        self._stage.fail(what, mode)
        self._stage.tell(f"{what}: {mode} for {seconds:.1f} s")
        yield seconds
        self._stage.fail(what, "well")
        self._stage.tell(f"{what} is well again")

    def _until_redis(self, redis: Redis) -> Script:
        while not redis.answers():
            redis.check()
            yield LOOK_S
        self._stage.tell("redis is back")

    def _until_ready(self, worker: Worker) -> Script:
        deadline = self._stage.now() + READY_S
        while not worker.is_ready() and self._stage.now() < deadline:
            yield LOOK_S
        self._stage.tell(f"{worker.life} is ready" if self._stage.now() < deadline else f"{worker.life} is not ready")

    def _note(self, kind: str, life: str, began: float, in_work: int | None) -> None:
        self.disruptions.append(Disruption(kind, life, began, self._stage.now(), in_work or 0))
        self._stage.tell(f"{kind} {life}, {in_work} in work")
