"""Measures what the README promises of a worker, each time with services of its own, and fails when it is not so.

  saturation  requests in work from one partition: the rate against MAX_IN_FLIGHT calls at the model's pace
  backlog     the worker's memory while very many records wait
  outage      what fails when the model is not there for a while, and that all else is answered afterwards

Prints one line of figures. Exits with 0 if the bound holds; with 1 if not, keeping the logs; with 2 if it could not
run. Needs what chaos.py needs. A debug build is good enough for `outage` alone.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import resource
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
from statistics import fmean

sys.path.append(str(Path(__file__).resolve().parents[1] / "outsider"))

from confluent_kafka import KafkaException  # noqa: E402
from load import Bus  # noqa: E402
from model import Manners, ModelServer  # noqa: E402
from outsider import CannotRun, Clock  # noqa: E402
from services import Broker, NotStarted, Ports, Redis, Service, Storage, bare_environment, wait_until_answers  # noqa: E402
from traffic import QUESTIONS, SECRET, Writer  # noqa: E402
from wire import FEEDBACK, FEEDBACK_GENERATED, Names, Outcome, read_outcome  # noqa: E402
from workers import Worker, make_topics  # noqa: E402

FIRST_MEMBER = 1 << 53
LOOK_S = 0.2
ANSWER_S = 10.0
KAFKA_S = 60.0
RISE_S = 60.0
"""Longest time until a worker that has just been started has a request in work."""
DEADLINE_S = 60
"""The worker's own default of REQUEST_DEADLINE."""
UNAVAILABLE = "LLM_UNAVAILABLE"


@dataclass(frozen=True)
class Plan:
    """What one measurement needs."""

    requests: int
    partitions: int
    in_flight: int
    latency_s: float
    record_bytes: int = 300
    """About how long a request's value is."""


class Bench:
    """Kafka with all requests in it, Redis, S3, a model that is not there yet and a worker that is not started yet."""

    def __init__(self, folder: Path, plan: Plan, binary: Path, services: Path) -> None:
        self.plan = plan
        self._clock = Clock()
        self._names = Names.from_environment({})
        self._started: list[Service] = []
        self._model = ModelServer(0, Manners((plan.latency_s, plan.latency_s), trouble=0.0), self._clock.now)
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
        env = bare_environment() | {
            "KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}",
            "VLLM_URL": f"http://127.0.0.1:{self._model_port}",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{storage.port}",
            "AWS_ACCESS_KEY_ID": "measure",
            "AWS_SECRET_ACCESS_KEY": "measure",
            "AWS_REGION": "us-east-1",
            "MAX_IN_FLIGHT": str(self.plan.in_flight),
            "REQUEST_DEADLINE": f"{DEADLINE_S}s",
        }
        make_topics(binary, env, self.plan.partitions)
        self.worker = Worker(folder, "worker", binary, env, ports)
        self._bus = Bus(broker.address, self._names, self._clock)
        self._produce()
        # Every outcome, from the topics' very beginning.
        self._bus.listen([*self._names.outcomes, *self._names.dead_letter_topics()])

    def _produce(self) -> None:
        """One request of each member; returns when Kafka has them all."""
        writer, reports = Writer(random.Random(0), "measure"), Counter[str]()
        question, answer = QUESTIONS[0]
        for number in range(self.plan.requests):
            text = f"{answer} {SECRET} {number} "
            text += "가" * max(0, (self.plan.record_bytes - 150 - len(text.encode())) // 3)
            fields = {"question": question, "answer": text}
            request = writer.request(FEEDBACK, FIRST_MEMBER + number, fields, f"feedback {number}")
            at = self._clock.now()
            self._bus.send(request, self._names.requests[FEEDBACK], at, lambda sent: reports.update(["taken"]))
        deadline = self._clock.now() + KAFKA_S
        while reports["taken"] < self.plan.requests:
            self._bus.wait(LOOK_S)
            if self._clock.now() > deadline:
                raise CannotRun(f"Kafka took {reports['taken']} of {self.plan.requests} records")

    def start_model(self) -> None:
        """Until then connections to it are refused."""
        asyncio.run_coroutine_threadsafe(self._model.start(self._model_port), self._loop).result(ANSWER_S)

    def start_worker(self) -> None:
        """Returns when it has a request in work."""
        self._start(self.worker)
        self.wait_until(lambda: bool(self.worker.in_work()), RISE_S)

    def wait_until(self, is_over: Callable[[], bool], limit_s: float) -> None:
        deadline = self._clock.now() + limit_s
        while not is_over():
            self.worker.check()
            if self._clock.now() > deadline:
                raise NotStarted(f"not over after {limit_s:.0f} s:\n{self.worker.tail()}")
            self.worker.note_memory()
            time.sleep(LOOK_S)

    def work(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        self.wait_until(lambda: self._clock.now() >= end, seconds + LOOK_S * 2)

    def outcomes(self, quiet_s: float = 5.0, limit_s: float = 300.0) -> list[Outcome]:
        """What came of the requests, when all are answered or nothing has come for a while; stops the worker."""
        found: list[Outcome] = []
        came = begin = self._clock.now()
        while (now := self._clock.now()) - came < quiet_s and now - begin < limit_s:
            for record in self._bus.receive():
                came = now
                if type_ := self._names.outcomes.get(record.topic):
                    found.append(read_outcome(record, type_))
            self.worker.note_memory()
        self.worker.terminate()
        return sorted(found, key=lambda outcome: outcome.record.timestamp)

    def model_latency_s(self) -> float:
        """What a call took on the server: more than planned when this machine is too slow for the measurement."""
        return fmean(call.ended - call.began for call in self._model.calls if call.ended)

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


def saturation(bench: Bench, seconds: float) -> Result:
    """The model's calls come in waves, so that a rate is taken over whole waves: how long one slot takes for a call."""
    plan = bench.plan
    bench.start_model()
    bench.start_worker()
    used = time.process_time()
    outcomes = bench.outcomes()
    used = time.process_time() - used
    times = [outcome.record.timestamp / 1000 for outcome in outcomes if outcome.type == FEEDBACK_GENERATED]
    if len(times) < plan.requests:
        return Result(f"{len(times)} of {plan.requests} requests answered", False)
    steady = times[len(times) // 5 : len(times) * 4 // 5]
    turn = fmean(later - earlier for earlier, later in zip(steady, steady[plan.in_flight :], strict=False))
    rate, ideal = plan.in_flight / turn, plan.in_flight / plan.latency_s
    span = times[-1] - times[0]
    return Result(
        f"{rate:.1f} outcomes/s of {ideal:.1f} ({rate / ideal:.1%}), {plan.requests} requests in {span:.2f} s from the "
        f"first outcome to the last, a call took {bench.model_latency_s():.3f} s on the server, "
        f"{used / span:.0%} of a core for measuring, peak RSS {rss_mb(bench):.1f} MB",
        rate >= 0.95 * ideal,
    )


def backlog(bench: Bench, seconds: float) -> Result:
    plan = bench.plan
    bench.start_model()
    bench.start_worker()
    bench.work(seconds)
    answered = len(bench.outcomes(quiet_s=LOOK_S, limit_s=seconds))
    due = plan.in_flight / plan.latency_s * seconds
    return Result(
        f"peak RSS {rss_mb(bench):.1f} MB with {plan.requests} records of {plan.record_bytes} bytes waiting, "
        f"{answered} answered in {seconds:.0f} s ({due:.0f} possible)",
        rss_mb(bench) < 100 and answered >= due / 2,
    )


def outage(bench: Bench, seconds: float) -> Result:
    plan = bench.plan
    bench.start_worker()
    bench.work(seconds)
    bench.start_model()
    outcomes = bench.outcomes(quiet_s=45.0)
    answered = sum(outcome.type == FEEDBACK_GENERATED for outcome in outcomes)
    codes = Counter(outcome.code for outcome in outcomes if outcome.code)
    allowed = plan.in_flight + math.ceil(seconds / DEADLINE_S) + 1
    per_member = Counter(member for outcome in outcomes for member in outcome.members())
    missing = plan.requests - len(per_member)
    doubled = sum(count > 1 for count in per_member.values())
    failed = dict(codes) or 0
    return Result(
        f"model gone for {seconds:.0f} s with {plan.requests} requests waiting: failed {failed} (at most {allowed}), "
        f"answered {answered}, missing {missing}, doubled {doubled}, peak RSS {rss_mb(bench):.1f} MB",
        set(codes) <= {UNAVAILABLE} and codes.total() <= allowed and missing == doubled == 0,
    )


def rss_mb(bench: Bench) -> float:
    return bench.worker.peak_rss_kb * 1024 / 1e6


MEASUREMENTS: dict[str, tuple[Callable[[Bench, float], Result], Plan]] = {
    "saturation": (saturation, Plan(requests=6_000, partitions=1, in_flight=1_000, latency_s=1.5)),
    "backlog": (backlog, Plan(requests=100_000, partitions=12, in_flight=64, latency_s=0.5, record_bytes=1_000)),
    "outage": (outage, Plan(requests=1_000, partitions=12, in_flight=64, latency_s=0.5)),
}
SECONDS = {"saturation": 0.0, "backlog": 30.0, "outage": 120.0}


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("measurement", choices=list(MEASUREMENTS))
    add("--worker", type=Path, default=root / "target/release/ssammu-worker", metavar="PATH", help="its program")
    add("--services", type=Path, default=root / "target/services", metavar="DIR", help="where tests/run puts Kafka")
    add("--seconds", type=float, default=None, metavar="S", help="of work (backlog, 30) or without a model (outage, 120)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(2))
    # A connection per call, on both sides.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    measure, plan = MEASUREMENTS[options.measurement]
    seconds = SECONDS[options.measurement] if options.seconds is None else options.seconds
    folder, bench, code = Path(tempfile.mkdtemp(prefix="ssammu-measure-")), None, 2
    try:
        bench = Bench(folder, plan, options.worker.resolve(), options.services.resolve())
        result = measure(bench, seconds)
        print(f"{options.measurement}: {result.figures}: {'good' if result.is_good else 'MISSED'}")
        code = 0 if result.is_good else 1
    except (CannotRun, NotStarted, KafkaException) as error:
        print(f"measure: {error}", file=sys.stderr)
    finally:
        if bench is not None:
            bench.close()
        if code == 0:
            shutil.rmtree(folder)
        else:
            print(f"logs are in {folder}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
