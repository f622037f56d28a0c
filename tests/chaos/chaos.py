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
import functools
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Hashable
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "outsider"))

from confluent_kafka import KafkaException

from faults import Fault, Faults, Injected, Stage
from figures import Run
from model import Manners
from options import read_options
from outsider import CannotRun, Clock
from play import Course, Play
from process_faults import ProcessFaults
from record_faults import RecordFaults
from service_faults import ServiceFaults
from services import NotStarted
from stand import MEMBERSHIPS, Stand, Surroundings


class ChaosSurroundings(Surroundings):
    """The plain services, and what the options say of the workers."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.partitions = options.partitions
        self._options = options

    def settings(self, stand: Stand) -> dict[str, str]:
        return {"REQUEST_DEADLINE": f"{self._options.deadline}s", "RUST_LOG": self._options.log}

    def of_worker(self, number: int) -> dict[str, str]:
        return {"KAFKA_PROPERTIES": MEMBERSHIPS[self._options.membership].format(number=number)}


def plan_faults(options: argparse.Namespace, stage: Stage, injected: Injected, start: float) -> Faults:
    hit: set[Hashable] = set()
    processes, services = ProcessFaults(stage, injected, hit), ServiceFaults(stage, injected)
    records = RecordFaults(stage, injected)
    known: dict[str, Fault] = processes.known() | services.known() | records.known()
    faults = Faults(stage, known, hit, records.replay_all() if "replay" in options.faults else None)
    faults.plan(start, options.minutes * 60, options.every, options.faults)
    return faults


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
        manners = Manners(latency_s=tuple(options.latency), trouble=options.trouble)
        stand.open(options.worker, options.services, ChaosSurroundings(options), options.seed, manners)
        course = Course(options.seed, options.members, options.rate, options.minutes * 60, options.settle)
        run = Play(stand, course, functools.partial(plan_faults, options)).run()
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
