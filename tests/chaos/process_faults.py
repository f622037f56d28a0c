"""What happens to workers."""

from __future__ import annotations

import signal
from collections.abc import Hashable

from faults import LOOK_S, RETRY_S, Fault, Injected, Script, Stage
from payments import Disruption
from silence import Outage
from stand import GRACE_S
from workers import Worker

READY_S = 40.0
"""How long a fault waits for a worker to be ready before it goes on all the same (something else may be down)."""
STOP_SLACK_S = 15.0
"""How long after its grace a worker may take to end."""


class ProcessFaults:
    def __init__(self, stage: Stage, injected: Injected, hit: set[Hashable]) -> None:
        self._stage = stage
        self._injected = injected
        self._hit = hit

    def known(self) -> dict[str, Fault]:
        workers: list[Hashable] = [*self._stage.stand.workers]
        return {
            "kill": Fault(workers, self._kill),
            "stop": Fault(workers, self._stop),
            "rolling": Fault(["rolling"], self._rolling),
        }

    def _kill(self, worker: Worker) -> Script:
        self._injected.counts["kill"] += 1
        in_work = worker.in_work()
        life = worker.life
        worker.kill()
        self._note("kill", life, self._stage.now(), in_work)
        yield self._stage.rng.uniform(0.2, 4.0)
        worker.start()
        yield from self._until_ready(worker)

    def _stop(self, worker: Worker) -> Script:
        self._injected.counts["stop"] += 1
        in_work, began, pause = worker.in_work(), self._stage.now(), self._stage.rng.uniform(5.0, 25.0)
        worker.signal(signal.SIGSTOP)
        self._stage.tell(f"stop {worker.life} for {pause:.1f} s, {in_work} in work")
        yield pause
        worker.signal(signal.SIGCONT)
        self._note("stop", worker.life, began, in_work)
        self._injected.outages.append(Outage("stop", (), began, self._stage.now()))

    def _rolling(self, _: str) -> Script:
        self._injected.counts["rolling"] += 1
        for worker in self._stage.stand.workers:
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
                self._injected.wrong.append(f"{life} was still there {GRACE_S + STOP_SLACK_S:.0f} s after SIGTERM")
                worker.kill()
            yield LOOK_S
        if (code := worker.exit_code()) not in (0, -signal.SIGKILL):
            self._injected.wrong.append(f"{life} ended with {code} on SIGTERM:\n{worker.tail()}")
        # Whatever could be finished within the grace was.
        cut = self._stage.now() - began >= GRACE_S
        self._note("rolling", life, began, in_work if cut else 0)
        worker.start()
        yield from self._until_ready(worker)

    def _until_ready(self, worker: Worker) -> Script:
        deadline = self._stage.now() + READY_S
        while not worker.is_ready() and self._stage.now() < deadline:
            yield LOOK_S
        said = "is ready" if self._stage.now() < deadline else "is not ready"
        self._stage.tell(f"{worker.life} {said}")

    def _note(self, kind: str, life: str, began: float, in_work: int | None) -> None:
        self._injected.disruptions.append(Disruption(kind, life, began, self._stage.now(), in_work or 0))
        self._stage.tell(f"{kind} {life}, {in_work} in work")
