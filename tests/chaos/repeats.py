"""Measures what kill -9 repeats, with services of its own: a worker is killed and started again while 3,000 requests wait,
and fails when more outcomes than promised are sent twice, one is missing or one has two contents.

An outcome is repeated where its record's end was not committed yet: what was answered in the last moments before the kill.
Prints one line of figures. Exits with 0 if the bound holds; with 1 if not, keeping the logs; with 2 if it could not
run. Needs what chaos.py needs.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "outsider"))

from bench import Bench, Plan, Result, measured

REQUESTS = 3_000
LATENCY_S = 0.4
AT_WORK_S = (1.0, 2.5)
"""How long a life is at work before it is killed."""
PATIENCE_S = 30.0


def repeats(bench: Bench, options: argparse.Namespace) -> Result:
    moments = random.Random(options.seed)
    bench.start_model()
    bench.start_worker()
    for _ in range(options.kills):
        bench.work(moments.uniform(*AT_WORK_S))
        bench.worker.kill()
        bench.start_worker()
    contents = defaultdict(list)
    for outcome in bench.outcomes(PATIENCE_S):
        contents[outcome.record.key].append(outcome.record.value)
    again = sum(len(values) - 1 for values in contents.values())
    two = sum(len(set(values)) > 1 for values in contents.values())
    missing = bench.plan.requests - len(contents)
    return Result(
        f"{options.kills} kills over {bench.plan.requests} requests, {bench.plan.in_flight} in flight at {LATENCY_S} s each: "
        f"{again} outcomes sent again (at most {options.at_most}), missing {missing}, with two contents {two}",
        again <= options.at_most and missing == two == 0,
    )


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--worker", type=Path, default=root / "target/release/ssammu-worker", metavar="PATH", help="its program")
    add("--services", type=Path, default=root / "target/services", metavar="DIR", help="where tests/run puts Kafka")
    add("--kills", type=int, default=8, metavar="N", help="of the one worker (8)")
    add("--in-flight", type=int, default=64, metavar="N", help="the worker's MAX_IN_FLIGHT (64)")
    add("--at-most", type=int, default=300, metavar="N", help="outcomes that may be sent again (300)")
    add("--seed", type=int, default=1, metavar="N", help="of the moments of the kills (1)")
    options = parser.parse_args()
    plan = Plan(requests=REQUESTS, in_flight=options.in_flight, latency_s=LATENCY_S)
    return measured("repeats", plan, options, lambda bench: repeats(bench, options))


if __name__ == "__main__":
    sys.exit(main())
