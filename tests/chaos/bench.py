"""One worker with services of its own and all its requests waiting, for a measurement."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "outsider"))

import boto3
from confluent_kafka import KafkaException

from bus import Bus
from model import Manners, ModelServer
from outsider import CannotRun, Clock
from services import Broker, NotStarted, Ports, Redis, Service, Storage, bare_environment, wait_until_answers
from traffic import QUESTIONS, SECRET, Writer
from wire import FEEDBACK, Names, Outcome, read_outcome
from workers import Worker, make_topics

FIRST_MEMBER = 1 << 53
PARTITIONS = 12
LOOK_S = 0.2
ANSWER_S = 10.0
KAFKA_S = 60.0
RISE_S = 60.0
"""Longest time until a worker that has just been started has read a request."""
QUIET_S = 3.0
"""How long nothing may come after the last answer; a second one to the same request would."""


@dataclass(frozen=True)
class Plan:
    """What the measurement needs."""

    requests: int
    in_flight: int
    latency_s: float


class Bench:
    """Kafka with all requests in it, Redis, S3, a model that is not there yet and a worker that is not started yet."""

    def __init__(self, folder: Path, plan: Plan, binary: Path, services: Path) -> None:
        self.plan = plan
        self._clock = Clock()
        self._names = Names.from_environment({})
        self._started: list[Service] = []
        steady = Manners(latency_s=(plan.latency_s, plan.latency_s), trouble=0.0, enough=0.0)
        self._model = ModelServer(0, steady, self._clock.now)
        self._loop = asyncio.new_event_loop()
        ports = Ports()
        self._model_port = ports.free()
        try:
            self._open(folder, binary, services, ports)
        except BaseException:
            self.close()
            raise

    def _open(self, folder: Path, binary: Path, services: Path, ports: Ports) -> None:
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        broker, redis = Broker(folder, services, ports), Redis(folder, ports)
        storage = Storage(folder, services, ports)
        for service in (broker, redis, storage):
            self._start(service)
        for service in (broker, redis, storage):
            wait_until_answers(service)
        storage_settings = {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{storage.port}",
            "AWS_ACCESS_KEY_ID": "measure",
            "AWS_SECRET_ACCESS_KEY": "measure",
            "AWS_REGION": "us-east-1",
        }
        # The client that makes the bucket finds the storage as any AWS program does.
        os.environ.update(storage_settings)
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=self._names.bucket)
        env = bare_environment() | storage_settings | {
            "KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}",
            "VLLM_URL": f"http://127.0.0.1:{self._model_port}",
            "MAX_IN_FLIGHT": str(self.plan.in_flight),
        }  # fmt: skip
        make_topics(binary, env, PARTITIONS)
        self.worker = Worker(folder, "worker", binary, env, ports)
        self._bus = self._open_bus(broker.address)
        self._produce()
        # Every outcome, from the topics' very beginning.
        self._bus.listen([*self._names.outcomes])

    def _open_bus(self, address: str) -> Bus:
        """Topics that have just been made may not be seen at once."""
        deadline = self._clock.now() + KAFKA_S
        while True:
            try:
                return Bus(address, self._names, self._clock)
            except CannotRun:
                if self._clock.now() > deadline:
                    raise
                time.sleep(LOOK_S)

    def _produce(self) -> None:
        """One request of each member; returns when Kafka has them all."""
        writer, reports = Writer(random.Random(0), "measure"), Counter[str]()
        question, answer = QUESTIONS[0]
        for number in range(self.plan.requests):
            fields = {"question": question, "answer": f"{answer} {SECRET} {number}"}
            request = writer.request(FEEDBACK, FIRST_MEMBER + number, fields, f"feedback {number}")
            at = self._clock.now()
            self._bus.send(request, self._names.requests[FEEDBACK], at, lambda sent: reports.update(["taken"]))
        deadline = self._clock.now() + KAFKA_S
        while reports["taken"] < self.plan.requests:
            self._bus.wait(LOOK_S)
            if self._clock.now() > deadline:
                raise CannotRun(f"Kafka took {reports['taken']} of {self.plan.requests} records")

    def hang_model(self) -> None:
        """From now on it lists its models, and answers no call."""
        self._loop.call_soon_threadsafe(self._model.fail, "engine")

    def heal_model(self) -> None:
        self._loop.call_soon_threadsafe(self._model.heal)

    def start_model(self) -> None:
        """Until then connections to it are refused."""
        asyncio.run_coroutine_threadsafe(self._model.start(self._model_port), self._loop).result(ANSWER_S)

    def start_worker(self) -> None:
        """Returns when it has read requests: while there is no model none is in work."""
        self._start(self.worker)
        self.wait_until(self.worker.has_read, RISE_S)

    def wait_until(self, is_over: Callable[[], bool], limit_s: float) -> None:
        deadline = self._clock.now() + limit_s
        while not is_over():
            self.worker.check()
            if self._clock.now() > deadline:
                raise NotStarted(f"not over after {limit_s:.0f} s:\n{self.worker.tail()}")
            time.sleep(LOOK_S)

    def work(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        self.wait_until(lambda: self._clock.now() >= end, seconds + LOOK_S * 2)

    def outcomes(self, patience_s: float = QUIET_S) -> list[Outcome]:
        """What came of the requests in order of time, once all are answered or nothing has come for `patience_s`."""
        found: list[Outcome] = []
        came = self._clock.now()
        while self._clock.now() - came < (patience_s if len(found) < self.plan.requests else QUIET_S):
            for record in self._bus.receive():
                came = self._clock.now()
                found.append(read_outcome(record, self._names.outcomes[record.topic]))
        return sorted(found, key=lambda outcome: outcome.record.timestamp)

    def close(self) -> None:
        for service in reversed(self._started):
            service.kill()

    def _start(self, service: Service) -> None:
        self._started.append(service)
        service.start()


@dataclass(frozen=True)
class Result:
    figures: str
    is_good: bool


def measured(name: str, plan: Plan, options: argparse.Namespace, measure: Callable[[Bench], Result]) -> int:
    """Prints what was measured; gives the exit code. Only the logs of what was not good are kept."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(2))
    folder, bench, code = Path(tempfile.mkdtemp(prefix=f"ssammu-{name}-")), None, 2
    try:
        bench = Bench(folder, plan, options.worker.resolve(), options.services.resolve())
        result = measure(bench)
        print(f"{result.figures}: {'good' if result.is_good else 'MISSED'}")
        code = 0 if result.is_good else 1
    except (CannotRun, NotStarted, KafkaException) as error:
        print(f"{name}: {error}", file=sys.stderr)
    finally:
        if bench is not None:
            bench.close()
        if code == 0:
            shutil.rmtree(folder)
        else:
            print(f"logs are in {folder}", file=sys.stderr)
    return code
