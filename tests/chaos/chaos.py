"""Kills, pauses and cuts off whatever the worker needs, for minutes, and checks from outside that nothing was lost.

Starts Kafka, Redis, S3, a model server with another to fall back on, and two workers of its own, lets members ask at a
steady rate, injects faults at random times, heals everything, waits until all is answered, and judges what Kafka holds:
no request without an outcome, none with two, none out of order, none that waited in silence, and no model call paid
again but for what was in work when a worker was struck. Exits with 0 if so; with 1 after telling what was not, keeping
all logs; with 2 if it could not run. A fault comes once at least, however short the run.

Some faults excuse something, and each no more than the contract allows (figures.py):
- rollback: Redis loses its last second. What was saved in it may be paid again and come out differently; an answer to a
  question that was lost is told (NO_ACTIVE_SESSION), and never stored under another one.
- topic: what a topic held and the group had not committed is lost with it; its members ask again.
- dead-letters: a letter may be missing where a worker's log says where its record is.
- redis-loss, which has to be asked for, takes away all that the worker's guarantees rest on. What holds even then: no
  request without an outcome, no malformed outcome, every document opens, and no worker ends. A request or dialogue that
  did not span the loss is judged as ever; for the others repeated payments, a second outcome, STALE_ANSWER and
  NO_ACTIVE_SESSION are legitimate.

Needs what tests/run installs (Kafka's jars, redis-server, moto) and tests/outsider/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "outsider"))

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bus import Bus, Topics
from documents import Store
from faults import Fault, Faults, Injected, Stage
from figures import Run
from judge import Judge
from load import Load
from model import Manners
from options import read_options
from outsider import CannotRun, Clock, judge_documents
from process_faults import STOP_SLACK_S, ProcessFaults
from record_faults import RecordFaults
from service_faults import ServiceFaults
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


class Chaos:
    """One run on a stand that is open."""

    def __init__(self, stand: Stand, options: argparse.Namespace) -> None:
        self._stand = stand
        self._options = options
        self._now = stand.clock.now
        base = (1 << 53) + (secrets.randbits(52) << 9) + 1
        members = range(base, base + options.members)
        self._bus = self._open_bus()
        self._bus.listen(list(self._bus.partitions))
        self._judge = Judge(stand.names, members, self._bus.partitions, SECRET)
        letters = Letters([worker.log for worker in stand.workers], stand.clock.now)
        store = Store(stand.names.bucket)
        self._load = Load(self._bus, self._judge, store, stand.clock, options.seed, members, letters)
        self._watch = Watch(stand.workers, stand.clock.now)
        self._injected = Injected()
        self._faults = self._open_faults()
        self._ended_alone: list[str] = []
        self._looked = self._told = 0.0

    def run(self) -> Run:
        """Load and faults, the quiet end, the verdict."""
        self._wait_for_workers()
        start, seconds = self._now(), self._options.minutes * 60
        self._load.plan(start, seconds, self._options.rate)
        self._faults.plan(start, seconds, self._options.every, self._options.faults)
        self._stand.tell(f"begins with seed {self._options.seed}")
        while self._load.is_planned() or not self._faults.are_over():
            self._go_on(f"{max(0.0, start + seconds - self._now()):.0f} s of faults left")
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
            "minutes": self._options.minutes,
            "seed": self._options.seed,
        }
        return run

    def _open_faults(self) -> Faults:
        stand, hit = self._stand, set()
        topics, rng = Topics(stand.broker.address), random.Random(f"{self._options.seed}/faults")
        stage = Stage(stand, self._bus, topics, self._load, rng)
        processes, services = ProcessFaults(stage, self._injected, hit), ServiceFaults(stage, self._injected)
        records = RecordFaults(stage, self._injected)
        known: dict[str, Fault] = processes.known() | services.known() | records.known()
        return Faults(stage, known, hit, records.replay_all() if "replay" in self._options.faults else None)

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
        deadline = busy_at + self._options.settle
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
        sentence = f"not everything had come {self._options.settle:.0f} s after the last fault, {len(waiting)} wait:"
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


def show(run: Run, shown: int) -> None:
    for name, value in run.figures.items():
        print(f"{name}: {as_text(value)}")
    for violation in run.violations[:shown]:
        print(f"VIOLATION {violation}")
    if len(run.violations) > shown:
        print(f"and {len(run.violations) - shown} more")


def as_text(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    parts = ((name, f"({as_text(part)})" if isinstance(part, dict) else part) for name, part in value.items())
    return ", ".join(f"{name} {part}" for name, part in parts) or "none"


def main() -> int:
    options = read_options(__doc__ or "")
    if options.self_test:
        from checks import run_checks

        return run_checks()
    # An end by SIGTERM, too, takes the processes away.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(2))
    folder = Path(tempfile.mkdtemp(prefix="ssammu-chaos-"))
    print(f"seed {options.seed}, logs in {folder}", file=sys.stderr)
    clock, code = Clock(), 2
    stand = Stand(folder, clock)
    try:
        settings = {"REQUEST_DEADLINE": f"{options.deadline}s", "RUST_LOG": options.log}
        manners = Manners(latency_s=tuple(options.latency), trouble=options.trouble)
        stand.open(
            options.worker, options.services, options.partitions, options.membership, settings, options.seed, manners
        )
        run = Chaos(stand, options).run()
        show(run, options.show)
        report = json.dumps(run.figures | {"violations": run.violations}, ensure_ascii=False, indent=2)
        (folder / "figures.json").write_text(report)
        if options.json is not None:
            options.json.write_text(report)
        code = 1 if run.violations else 0
    except (CannotRun, NotStarted, KafkaException) as error:
        print(f"chaos: {error}", file=sys.stderr)
    finally:
        stand.close()
        if code == 0 and not options.keep:
            shutil.rmtree(folder)
        else:
            print(f"logs are in {folder}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
