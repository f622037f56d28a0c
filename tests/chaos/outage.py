"""Measures what an outage of the model costs, with services of its own, and fails when it is more than promised: of all
requests that wait, only those that were in work when it began may fail, and after them one at a time; all else is
answered afterwards.

Prints one line of figures. Exits with 0 if the bound holds; with 1 if not, keeping the logs; with 2 if it could not
run. Needs what chaos.py needs, and a release build.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "outsider"))

from bench import Bench, Plan, Result, measured
from wire import FEEDBACK_GENERATED

REQUESTS = 1_000
LATENCY_S = 0.5
DEADLINE_S = 60
"""The worker's own default of REQUEST_DEADLINE."""
UNAVAILABLE = "LLM_UNAVAILABLE"


def outage(bench: Bench, seconds: float, hangs: bool) -> Result:
    plan = bench.plan
    if hangs:
        bench.hang_model()
        bench.start_model()
    bench.start_worker()
    bench.work(seconds)
    if hangs:
        bench.heal_model()
    else:
        bench.start_model()
    outcomes = bench.outcomes(patience_s=DEADLINE_S * 1.5)
    answered = sum(outcome.type == FEEDBACK_GENERATED for outcome in outcomes)
    codes = Counter(outcome.code for outcome in outcomes if outcome.code)
    # And one at a time, which is told at its deadline, or proves that the model is back.
    allowed = plan.in_flight + 1 + int(seconds // DEADLINE_S)
    per_member = Counter(member for outcome in outcomes for member in outcome.members())
    missing = plan.requests - len(per_member)
    doubled = sum(count > 1 for count in per_member.values())
    failed = dict(codes) or 0
    return Result(
        f"model {'hung' if hangs else 'gone'} for {seconds:.0f} s with {plan.requests} requests waiting: failed {failed} (at most {allowed}), "
        f"answered {answered}, missing {missing}, doubled {doubled}",
        set(codes) <= {UNAVAILABLE} and codes.total() <= allowed and missing == doubled == 0,
    )


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--worker", type=Path, default=root / "target/release/ssammu-worker", metavar="PATH", help="its program")
    add("--services", type=Path, default=root / "target/services", metavar="DIR", help="where tests/run puts Kafka")
    add("--seconds", type=float, default=120.0, metavar="S", help="without a model (120)")
    add("--hang", action="store_true", help="it hangs, instead of refusing connections")
    add("--in-flight", type=int, default=64, metavar="N", help="the worker's MAX_IN_FLIGHT (64)")
    options = parser.parse_args()
    plan = Plan(requests=REQUESTS, in_flight=options.in_flight, latency_s=LATENCY_S)
    return measured("outage", plan, options, lambda bench: outage(bench, options.seconds, options.hang))


if __name__ == "__main__":
    sys.exit(main())
