"""What the script of an environment can do, and what it notes of what it saw."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from faults import LOOK_S, Injected, Script, Stage
from outsider import Clock
from payments import Disruption
from process_faults import STOP_SLACK_S
from stand import GRACE_S, Stand
from wire import Outcome
from workers import Worker

READY_S = 60.0
"""By when a worker is ready where nothing else is said."""
COMMAND_S = 60.0
ANSWER_S = 60.0
FEW = 16
"""So many are on their way at any time."""
IN_WORK = 64
"""As much of each worker may be in work when partitions move."""

Said = TypeVar("Said")
Steps = Generator[float, None, Said]


@dataclass
class Event:
    """Something that happened to everybody: a row of the table."""

    what: str
    began: float
    ended: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ended:
    """What came of a command."""

    code: int | None
    """None: it had not ended when nobody waited any longer."""
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        return self.stdout + self.stderr


class Scene:
    """A stage, with the rows of the table that is made of it."""

    def __init__(self, stage: Stage, injected: Injected) -> None:
        self.events: list[Event] = []
        self.stand: Stand = stage.stand
        self.load = stage.load
        self.injected = injected
        self.clock: Clock = stage.stand.clock
        self.bus = stage.bus
        self._commands = itertools.count(1)

    def now(self) -> float:
        return self.clock.now()

    @contextmanager
    def event(self, what: str, moves: bool = False) -> Iterator[Event]:
        """What is asked for from now to the next event counts for this one. `moves`: partitions may move between workers,
        so that what was in work may be paid again."""
        event = Event(what, self.now())
        self.events.append(event)
        self.stand.tell(what)
        lives = {worker.life for worker in self.stand.workers}
        try:
            yield event
        finally:
            event.ended = self.now()
            self.stand.tell(f"that was: {what}")
            if moves:
                lives |= {worker.life for worker in self.stand.workers}
                self.injected.disruptions += [
                    Disruption("rolling", life, event.began, event.ended, IN_WORK) for life in lives
                ]

    def expect(self, holds: bool, wrong: str) -> bool:
        """Notes what is wrong where it does not hold."""
        if not holds:
            self.stand.tell(f"WRONG: {wrong}")
            (self.events[-1].wrong if self.events else self.injected.wrong).append(wrong)
        return holds

    def until(self, what: str, holds: Callable[[], bool], within_s: float) -> Steps[bool]:
        """Waits for it; it is wrong where it does not come."""
        began = self.now()
        while not holds():
            if self.now() > began + within_s:
                return self.expect(False, f"{what}: not within {within_s:.0f} s")
            yield LOOK_S
        self.stand.tell(f"{what}, after {self.now() - began:.1f} s")
        return True

    def worker(self, number: int) -> Worker:
        return self.stand.workers[number - 1]

    def parts(self, worker: Worker) -> dict[str, str] | None:
        """What it says is not ready, with the reasons; None: it says nothing."""
        return worker.unready_parts()

    def reasons(self, worker: Worker) -> str:
        """All that it says is not ready, in small letters."""
        parts = worker.unready_parts() or {}
        return "; ".join(f"{part}: {reason}" for part, reason in parts.items()).lower()

    def tells(self, worker: Worker, *words: str, within_s: float = 20.0) -> Steps[bool]:
        """Waits until /readyz has all these words, in letters of any size."""
        return (
            yield from self.until(
                f"{worker.name} tells {' and '.join(words)}",
                lambda: all(word.lower() in self.reasons(worker) for word in words),
                within_s,
            )
        )

    def all_ready(self, within_s: float = READY_S) -> Script:
        """All workers that are wanted are ready, with nothing missing that they could do without."""
        for worker in self.stand.workers:
            if worker.wanted:
                yield from self.ready(worker, within_s)

    def ready(self, worker: Worker, within_s: float = READY_S) -> Script:
        def is_whole() -> bool:
            return worker.unready_parts() == {}

        if not (yield from self.until(f"{worker.name} is ready", is_whole, within_s)):
            self.expect(False, f"{worker.name} says {worker.unready_parts()}")

    def caught_up(self, within_s: float = READY_S) -> Script:
        """Hardly anybody waits any more, so that what comes next is judged by itself."""
        yield from self.until("hardly anybody waits", lambda: self.load.waiting() <= FEW, within_s)

    def stop(self, worker: Worker) -> Script:
        """SIGTERM, and the end that is due to it."""
        worker.terminate()
        within_s = GRACE_S + STOP_SLACK_S
        if (yield from self.until(f"{worker.name} ends", lambda: worker.exit_code() is not None, within_s)):
            self.expect(worker.exit_code() == 0, f"{worker.name} ended with {worker.exit_code()} on SIGTERM")
        else:
            worker.kill()

    def restart(self, worker: Worker, within_s: float = READY_S) -> Script:
        yield from self.stop(worker)
        worker.start()
        yield from self.ready(worker, within_s)

    def roll(self, settings: Callable[[int], dict[str, str]] | None = None) -> Script:
        """One worker after the other, each ready before the next, with other settings where there are."""
        for number, worker in enumerate(self.stand.workers, 1):
            yield from self.stop(worker)
            if settings is not None:
                worker.set(settings(number))
            worker.start()
            yield from self.ready(worker)

    def command(
        self, *arguments: str, settings: dict[str, str] | None = None, within_s: float = COMMAND_S
    ) -> Steps[Ended]:
        """One of the worker's commands, to its end."""
        name = f"{arguments[0]}-{next(self._commands)}"
        process = self.stand.command(name, *arguments, settings=settings)
        deadline = self.now() + within_s
        while process.exit_code() is None and self.now() < deadline:
            yield LOOK_S
        code = process.exit_code()
        process.kill()
        ended = Ended(code, _text(process.log), _text(process.errors))
        self.expect(code is not None, f"{' '.join(arguments)} had not ended after {within_s:.0f} s: {ended.said}")
        return ended

    def feedback(self) -> Steps[Outcome | None]:
        """One member asks by hand; what came of it."""
        case = self.load.feedback()
        yield from self.until("a member is answered", lambda: bool(case.outcomes), ANSWER_S)
        return case.outcomes[0] if case.outcomes else None

    def dialogue(self, within_s: float = 2 * ANSWER_S) -> Steps[bool]:
        """One member begins an interview by hand; whether it came to its end."""
        return (yield from self.until("an interview is over", self.load.dialogue(), within_s))


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
