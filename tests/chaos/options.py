"""The command line of a run."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from faults import KINDS, SHORT_KINDS
from payments import LOSSY
from stand import MEMBERSHIPS

SHORT_MINUTES = 4.0


def kinds(text: str) -> list[str]:
    found = [kind.strip() for kind in text.split(",") if kind.strip()]
    if unknown := set(found) - {*KINDS, LOSSY}:
        raise argparse.ArgumentTypeError(f"no such fault: {', '.join(sorted(unknown))}")
    return found


def read_options(description: str) -> argparse.Namespace:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--worker", type=Path, default=root / "target/debug/ssammu-worker", metavar="PATH", help="the worker's program")
    add("--services", type=Path, default=root / "target/services", metavar="DIR", help="where tests/run puts Kafka")
    add("--minutes", type=float, default=10.0, metavar="M", help="time with load and faults (10)")
    add("--seed", type=int, default=None, metavar="S", help="repeats the load and the faults of an earlier run")
    usual = ",".join(KINDS)
    add("--faults", type=kinds, default=None, metavar="KINDS", help=f"of {usual},{LOSSY} (all but the last; see below)")
    add("--every", type=float, default=8.0, metavar="S", help="a fault about every so many seconds, or more often (8)")
    add("--rate", type=float, default=12.0, metavar="R", help="requests a second (12)")
    add("--members", type=int, default=200, metavar="N", help="members who ask (200)")
    add("--partitions", type=int, default=3, metavar="P", help="partitions of each topic (3)")
    add("--membership", choices=list(MEMBERSHIPS), default="dynamic", help="of the workers in their groups")
    add("--latency", type=float, nargs=2, default=[0.1, 3.0], metavar="S", help="of a model call (0.1 3.0)")
    add("--trouble", type=float, default=0.02, metavar="SHARE", help="model calls that fail by themselves (0.02)")
    add("--deadline", type=int, default=30, metavar="S", help="the workers' REQUEST_DEADLINE (30)")
    add("--settle", type=float, default=180.0, metavar="S", help="longest wait at the end (180)")
    add("--log", default="info,ssammu_worker=debug,librdkafka=info", metavar="RUST_LOG", help="what the workers log")
    add("--json", type=Path, default=None, metavar="FILE", help="writes the figures there")
    add("--show", type=int, default=20, metavar="N", help="violations to explain (20)")
    add("--keep", action="store_true", help="keep the logs of a good run, too")
    add("--self-test", action="store_true", help="check the verdict itself; needs no service")
    parser.epilog = f"Below {SHORT_MINUTES:.0f} minutes the usual faults are {','.join(SHORT_KINDS)}."
    options = parser.parse_args()
    if options.faults is None:
        options.faults = list(SHORT_KINDS if options.minutes < SHORT_MINUTES else KINDS)
    if options.seed is None:
        options.seed = secrets.randbits(32)
    options.worker, options.services = options.worker.resolve(), options.services.resolve()
    return options
