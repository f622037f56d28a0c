"""Measures what the README promises of a worker, each time with services of its own, and fails when it is not so.

  saturation  requests in work from one partition: the rate against MAX_IN_FLIGHT calls at the model's pace
  backlog     the worker's memory while very many records wait
  outage      what fails when the model is not there for a while, and that all else is answered afterwards

Prints one line of figures. Exits with 0 if the bound holds; with 1 if not, keeping the logs; with 2 if it could not
run. Needs what chaos.py needs, and a release build.
"""

from __future__ import annotations

import argparse
import math
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

sys.path.append(str(Path(__file__).resolve().parents[1] / "outsider"))

from bench import Bench, Plan  # noqa: E402
from confluent_kafka import KafkaException  # noqa: E402
from outsider import CannotRun  # noqa: E402
from services import NotStarted  # noqa: E402
from wire import FEEDBACK_GENERATED  # noqa: E402

RATE_SHARE = 0.95
RSS_MB = 100
DEADLINE_S = 60
"""The worker's own default of REQUEST_DEADLINE."""
UNAVAILABLE = "LLM_UNAVAILABLE"


@dataclass(frozen=True)
class Result:
    figures: str
    is_good: bool


def saturation(bench: Bench, seconds: float) -> Result:
    """Calls that begin at once end at once, and such a wave needs several turns to spread: the first fifth is left out.

    What is left of the waves must not tell on the figure, so that it is how long a place in work takes for a request.
    """
    plan = bench.plan
    bench.start_model()
    bench.start_worker()
    used = time.process_time()
    # Reading along would take from the machine what the worker needs.
    bench.wait_until(lambda: bench.worker.in_work() == 0, plan.requests / plan.in_flight * plan.latency_s * 5)
    used = time.process_time() - used
    outcomes = bench.outcomes()
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
        f"{used / span:.0%} of a core for measuring, peak RSS {bench.peak_rss_mb():.1f} MB",
        rate >= RATE_SHARE * ideal,
    )


def backlog(bench: Bench, seconds: float) -> Result:
    plan = bench.plan
    bench.start_model()
    bench.start_worker()
    bench.work(seconds)
    bench.worker.kill()
    answered = sum(outcome.type == FEEDBACK_GENERATED for outcome in bench.outcomes())
    due = plan.in_flight / plan.latency_s * seconds
    return Result(
        f"peak RSS {bench.peak_rss_mb():.1f} MB with {plan.requests} records of {bench.record_bytes} bytes waiting, "
        f"{answered} answered in {seconds:.0f} s ({due:.0f} possible)",
        bench.peak_rss_mb() < RSS_MB and answered >= due / 2,
    )


def outage(bench: Bench, seconds: float) -> Result:
    plan = bench.plan
    bench.start_worker()
    bench.work(seconds)
    bench.start_model()
    outcomes = bench.outcomes(patience_s=DEADLINE_S * 1.5)
    answered = sum(outcome.type == FEEDBACK_GENERATED for outcome in outcomes)
    codes = Counter(outcome.code for outcome in outcomes if outcome.code)
    allowed = plan.in_flight + math.ceil(seconds / DEADLINE_S) + 1
    per_member = Counter(member for outcome in outcomes for member in outcome.members())
    missing = plan.requests - len(per_member)
    doubled = sum(count > 1 for count in per_member.values())
    failed = dict(codes) or 0
    return Result(
        f"model gone for {seconds:.0f} s with {plan.requests} requests waiting: failed {failed} (at most {allowed}), "
        f"answered {answered}, missing {missing}, doubled {doubled}",
        set(codes) <= {UNAVAILABLE} and codes.total() <= allowed and missing == doubled == 0,
    )


MEASUREMENTS: dict[str, tuple[Callable[[Bench, float], Result], Plan]] = {
    "saturation": (saturation, Plan(requests=20_000, partitions=1, in_flight=1_000, latency_s=1.5)),
    "backlog": (backlog, Plan(requests=100_000, partitions=12, in_flight=64, latency_s=0.5, padding=750)),
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
    add("--seconds", type=float, default=None, metavar="S", help="of work (30) or without a model (120)")
    add("--in-flight", type=int, default=None, metavar="N", help="the worker's MAX_IN_FLIGHT (1000, 64, 64)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(2))
    # A connection per call, on both sides.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    measure, plan = MEASUREMENTS[options.measurement]
    plan = replace(plan, in_flight=options.in_flight or plan.in_flight)
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
