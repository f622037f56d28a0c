"""What the workers say of themselves, looked at all the while: /readyz, and where the log says that a record lies."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers import Worker

LOOK_S = 0.5
LETTER = re.compile(r"(a record was refused by the broker|kept as a dead letter) record=(\S+)")


BEAT_S, STALL_S = 0.2, 1.0


@dataclass(frozen=True)
class Look:
    """What one life of a worker said at a time: the parts that are not ready with their reasons; None: it said nothing."""

    at: float
    life: str
    parts: dict[str, str] | None


class Watch:
    """Looks from threads of its own: a worker that is frozen must not hold up the run."""

    def __init__(self, workers: list[Worker], now: Callable[[], float]) -> None:
        self.looks: list[Look] = []
        self._now = now
        self.stalls: list[tuple[float, float]] = []
        """When the machine gave this program no time: then nobody can be judged by time."""
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._look_after, args=(worker,), daemon=True) for worker in workers]
        self._threads.append(threading.Thread(target=self._beat, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _look_after(self, worker: Worker) -> None:
        while not self._is_over.wait(LOOK_S):
            life, at = worker.life, self._now()
            self.looks.append(Look(at, life, worker.unready_parts()))

    def _beat(self) -> None:
        last = self._now()
        while not self._is_over.wait(BEAT_S):
            now = self._now()
            if now - last > STALL_S:
                self.stalls.append((last, now))
            last = now


class Letters:
    """What the workers' logs say of dead letters; records as topic/partition/offset."""

    def __init__(self, logs: list[Path], now: Callable[[], float]) -> None:
        self.refused: dict[str, list[float]] = defaultdict(list)
        """When it was seen that the broker will never take them."""
        self.kept: dict[str, list[float]] = defaultdict(list)
        """When it was seen that they lie in their dead-letter topic. Of a topic made again two records may have one name."""
        self._now = now
        self._read = dict.fromkeys(logs, 0)
        self._looked = 0.0

    def look(self) -> None:
        if self._now() - self._looked < LOOK_S:
            return
        self._looked = self._now()
        for log, position in self._read.items():
            with log.open("rb") as file:
                file.seek(position)
                added = file.read()
            end = added.rfind(b"\n") + 1
            self._read[log] = position + end
            for what, record in LETTER.findall(added[:end].decode("utf-8", "replace")):
                (self.kept if what.startswith("kept") else self.refused)[record].append(self._now())
