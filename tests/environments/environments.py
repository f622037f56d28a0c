"""Runs the worker in the environments that production has, and judges from outside what becomes of it there.

Each environment has services of its own (catalogue.py), two workers, and members who ask all the while; what happens is its
script. Judged is what tests/chaos judges: no request without an outcome, none with two, a member's in order, none that waited
in silence, no document that does not open, nothing paid again but for what was in work; that each interview comes to its
résumé; and what an environment claims for itself. Prints a table, as text and as Markdown. Exits with 0 if all is well; with
1 after telling what was not, keeping the logs; with 2 if it could not run.

Needs what tests/run installs (Kafka's jars, redis-server, moto) and tests/outsider/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "chaos"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "outsider"))

from confluent_kafka import KafkaException

from catalogue import ENVIRONMENTS
from environment import Environment
from faults import Faults, Injected, Stage
from model import Manners
from outsider import CannotRun, Clock
from play import Course, Play
from scene import Scene
from services import NotStarted
from stand import Stand
from table import Row, as_markdown, as_text, not_run, rows_of, unfinished

SETTLE_S = 120.0
MANNERS = Manners(latency_s=(0.05, 0.6), trouble=0.0)
"""Of the model: what is tried here is not the model."""


class Trial:
    """One environment, from its services to its rows."""

    def __init__(self, environment: Environment, options: argparse.Namespace, folder: Path) -> None:
        self._environment = environment
        self._options = options
        self._folder = folder
        self._scene: Scene
        self._asked_until = 0.0
        self.rows: list[Row] = []
        self.violations: list[str] = []

    def run(self) -> None:
        environment, options = self._environment, self._options
        stand = Stand(self._folder, Clock())
        try:
            stand.open(options.worker, options.services, environment, options.seed, MANNERS)
            course = Course(options.seed, environment.members, environment.rate, environment.most_s, SETTLE_S, True)
            run = Play(stand, course, self._open).run()
        finally:
            stand.close()
        events, load = self._scene.events, self._scene.load
        run.violations += unfinished(run, load.unsent_members)
        run.violations += [f"{event.what}: {wrong}" for event in events for wrong in event.wrong]
        for violation in list(run.violations):
            if (why := environment.excuse(violation)) is not None:
                run.violations.remove(violation)
                print(f"excused, {why}: {violation}", file=sys.stderr)
        self.violations = run.violations
        figures = run.figures | {"violations": run.violations}
        (self._folder / "figures.json").write_text(json.dumps(figures, ensure_ascii=False, indent=2))
        self.rows = rows_of(environment.name, environment.about, run, events, self._asked_until)

    def _open(self, stage: Stage, injected: Injected, start: float) -> Faults:
        self._scene = Scene(stage, injected)
        return Faults(stage, {}, set(), self._to_the_end())

    def _to_the_end(self):
        yield from self._environment.script(self._scene)
        self._asked_until = self._scene.now()


def run_all(chosen: list[type[Environment]], options: argparse.Namespace) -> int:
    rows: list[Row] = []
    code = 0
    for kind in chosen:
        environment = kind(options.short)
        if (why := environment.missing()) is not None:
            rows.append(not_run(environment.name, environment.about, why))
            continue
        code = max(code, run_one(environment, options, rows))
    print(f"\n{as_text(rows)}\n\n{as_markdown(rows)}")
    if options.markdown is not None:
        options.markdown.write_text(as_markdown(rows) + "\n")
    return code


def run_one(environment: Environment, options: argparse.Namespace, rows: list[Row]) -> int:
    folder = Path(tempfile.mkdtemp(prefix=f"ssammu-{environment.name}-"))
    began = time.monotonic()
    print(f"== {environment.name}: {environment.about} (logs in {folder})", file=sys.stderr)
    trial = Trial(environment, options, folder)
    try:
        trial.run()
    except (CannotRun, NotStarted, KafkaException) as error:
        print(f"{environment.name}: {error}\nlogs are in {folder}", file=sys.stderr)
        rows.append(not_run(environment.name, environment.about, str(error).splitlines()[0]))
        return 2
    rows += trial.rows
    print(f"{as_text(trial.rows)}\n{environment.name} took {time.monotonic() - began:.0f} s")
    for violation in trial.violations[: options.show]:
        print(f"VIOLATION {violation}")
    if len(trial.violations) > options.show:
        print(f"and {len(trial.violations) - options.show} more")
    if trial.violations or options.keep:
        print(f"logs are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return 1 if trial.violations else 0


def read_options() -> argparse.Namespace:
    root = Path(__file__).resolve().parents[2]
    names = {kind.name: kind for kind in ENVIRONMENTS}
    listed = "\n".join(f"  {kind.name:16}{kind.about}" for kind in ENVIRONMENTS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=f"environments:\n{listed}"
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="environments (all)")
    add("--short", action="store_true", help="the short form of each")
    add("--worker", type=Path, default=root / "target/debug/ssammu-worker", metavar="PATH", help="the worker's program")
    add("--services", type=Path, default=root / "target/services", metavar="DIR", help="where tests/run puts Kafka")
    add("--seed", type=int, default=None, metavar="S", help="repeats what members ask for")
    add("--show", type=int, default=20, metavar="N", help="violations to explain (20)")
    add("--markdown", type=Path, default=None, metavar="FILE", help="writes the table there")
    add("--keep", action="store_true", help="keep the logs of a good run, too")
    add("--self-test", action="store_true", help="check the rules of the table; needs no service")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no such environment: {', '.join(sorted(unknown))}")
    options.chosen = [names[name] for name in options.names] or list(ENVIRONMENTS)
    if options.seed is None:
        options.seed = secrets.randbits(32)
    options.worker, options.services = options.worker.resolve(), options.services.resolve()
    return options


def main() -> int:
    options = read_options()
    if options.self_test:
        from checks import run_checks
        from table_checks import CHECKS

        return run_checks(CHECKS)
    # An end by SIGTERM, too, takes the processes away.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(2))
    print(f"seed {options.seed}", file=sys.stderr)
    return run_all(options.chosen, options)


if __name__ == "__main__":
    sys.exit(main())
