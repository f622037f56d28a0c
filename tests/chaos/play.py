"""One run on a stand that is open: load, faults, the quiet end, the verdict."""

from __future__ import annotations

import random
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

from bus import Bus, Topics
from documents import Store
from faults import Faults, Injected, Stage
from figures import Run
from judge import Judge
from load import Load
from outsider import CannotRun, judge_documents
from process_faults import STOP_SLACK_S
from services import NotStarted
from stand import GRACE_S, Stand
from traffic import SECRET
from watch import Letters, Watch
from workers import Worker

LOOK_S = 0.5
TOLD_S = 10.0
NAMED = 10
QUIET_S = 6.0
"""How long nothing may be left to wait for before the run counts as over."""
FIRST_READY_S = 90.0
KAFKA_S = 15.0


@dataclass(frozen=True)
class Course:
    """How much is asked for, and for how long."""

    seed: int
    members: int
    rate: float
    """Requests a second, dialogues included."""
    seconds: float
    settle_s: float
    """Longest wait at the end."""
    ends_with_faults: bool = False
    """Whether nothing more is asked for once the last fault is over."""


OpenFaults = Callable[[Stage, Injected, float], Faults]
"""What goes wrong on a stage, from a time on."""


class Play:
    def __init__(self, stand: Stand, course: Course, open_faults: OpenFaults) -> None:
        self._stand = stand
        self._course = course
        self._open_faults = open_faults
        self._now = stand.clock.now
        base = (1 << 53) + (secrets.randbits(52) << 9) + 1
        members = range(base, base + course.members)
        self._bus = self._open_bus()
        self._bus.listen(list(self._bus.partitions))
        self._judge = Judge(stand.names, members, self._bus.partitions, SECRET)
        letters = Letters([worker.log for worker in stand.workers], stand.clock.now)
        store = Store(stand.names.bucket)
        self._load = Load(self._bus, self._judge, store, stand.clock, course.seed, members, letters)
        self._watch = Watch(stand.workers, stand.clock.now)
        self._injected = Injected()
        self._stage = Stage(
            stand, self._bus, Topics(stand.broker.address), self._load, random.Random(f"{course.seed}/faults")
        )
        self._ended_alone: list[str] = []
        self._looked = self._told = 0.0

    def run(self) -> Run:
        self._wait_for_workers()
        start, course = self._now(), self._course
        self._load.plan(start, course.seconds, course.rate)
        self._faults = self._open_faults(self._stage, self._injected, start)
        self._stand.tell(f"begins with seed {course.seed}")
        while not self._faults.are_over() or (self._load.is_planned() and not course.ends_with_faults):
            self._go_on(f"{max(0.0, start + course.seconds - self._now()):.0f} s of faults left")
        self._load.end_plan()
        self._stand.tell("all is well; waiting for the rest")
        wrong = [] if self._settle() else self._never_came()
        ended = self._now()
        wrong += self._stop_workers()
        self._load.go_on(self._now())
        unsent = self._load.drop_unsent()
        if behind := self._uncommitted():
            wrong.append(f"{behind} records are not committed, although all is done")
        self._watch.stop()
        self._load.fetch_documents()
        good, documents = judge_documents(self._load.documents(), self._judge.completed_members())
        self._bus.close()
        background = self._stand.background
        run = Run(
            judge=self._judge,
            families=list(self._load.families.values()),
            failures=self._load.failures(),
            waits=list(self._load.waits()),
            mark=self._load.mark,
            asked_since=self._load.asked_since,
            dialogues=self._load.lives,
            calls=background.calls(),
            fallback_calls=background.fallback.calls,
            looks=self._watch.looks,
            injected=self._injected,
            stalls=self._watch.stalls,
            ended=ended,
            documents=documents,
            wrong=[*self._injected.wrong, *self._ended_alone, *wrong],
            enoughs=background.model.enoughs + background.fallback.enoughs,
        )
        run.conclude()
        run.figures |= {
            "documents opened": good,
            "never sent, or lost with their topic": unsent,
            "dialogues put off": self._load.put_off,
            "workers that ended by themselves": len(self._ended_alone),
            "worker peak RSS MB": round(max(worker.peak_rss_kb for worker in self._stand.workers) / 1024),
            "minutes": round(self._course.seconds / 60, 1),
            "seed": self._course.seed,
        }
        return run

    def _open_bus(self) -> Bus:
        """Topics that have just been made may not be seen at once."""
        deadline = self._now() + KAFKA_S
        while True:
            try:
                return Bus(self._stand.broker.address, self._stand.names, self._stand.clock)
            except CannotRun:
                if self._now() > deadline:
                    raise
                time.sleep(LOOK_S)

    def _wait_for_workers(self) -> None:
        deadline = self._now() + FIRST_READY_S
        while waiting := [worker for worker in self._stand.workers if not worker.is_ready()]:
            for worker in waiting:
                worker.check()
            if self._now() > deadline:
                raise NotStarted(f"{waiting[0].name} was not ready in {FIRST_READY_S:.0f} s:\n{waiting[0].tail()}")
            self._bus.wait(LOOK_S)

    def _go_on(self, progress: str) -> None:
        now = self._now()
        self._load.go_on(now)
        self._faults.go_on()
        if now - self._looked >= LOOK_S:
            self._looked = now
            for worker in self._stand.workers:
                self._look_at(worker)
        if now - self._told >= TOLD_S:
            self._told = now
            print(f"{self._load.waiting()} requests and members wait, {progress}", file=sys.stderr)

    def _look_at(self, worker: Worker) -> None:
        worker.note_memory()
        if worker.wanted and (code := worker.exit_code()) is not None:
            self._ended_alone.append(f"{worker.life} ended by itself with {code}:\n{worker.tail()}")
            self._stand.tell(f"{worker.life} ended by itself with {code}")
            worker.start()

    def _settle(self) -> bool:
        busy_at = counted = self._now()
        deadline = busy_at + self._course.settle_s
        while (now := self._now()) < deadline:
            self._go_on("nothing is wrong any more")
            if now - counted >= LOOK_S:
                counted = now
                if self._load.waiting():
                    busy_at = now
                elif now - busy_at >= QUIET_S:
                    return True
        return False

    def _never_came(self) -> list[str]:
        waiting = self._load.still_waiting()
        sentence = f"not everything had come {self._course.settle_s:.0f} s after the last fault, {len(waiting)} wait:"
        return ["\n".join([sentence, *waiting[:NAMED]])]

    def _stop_workers(self) -> list[str]:
        wrong = []
        for worker in self._stand.workers:
            worker.terminate()
        deadline = self._now() + GRACE_S + STOP_SLACK_S
        for worker in self._stand.workers:
            while worker.exit_code() is None and self._now() < deadline:
                self._bus.wait(LOOK_S)
            if worker.exit_code() != 0:
                wrong.append(f"at the end {worker.life} ended with {worker.exit_code()}:\n{worker.tail()}")
        return wrong

    def _uncommitted(self) -> int:
        """Records of request topics that the worker's groups would get once more."""
        behind = 0
        names = self._stand.names
        for flow, topic in names.requests.items():
            asking = Consumer({"bootstrap.servers": self._stand.broker.address, "group.id": names.groups[flow]})
            places = [TopicPartition(topic, number) for number in range(self._bus.partitions[topic])]
            for place in asking.committed(places, timeout=KAFKA_S):
                low, high = asking.get_watermark_offsets(place, timeout=KAFKA_S)
                behind += high - (place.offset if place.offset >= 0 else low)
            asking.close()
        return behind
