#!/usr/bin/env python3
"""Imports run one way. Fails, and says which import is wrong, where a module of src/ knows one that it should not, where
files import each other in a circle, or where `rdkafka` is named outside of src/kafka.

    tests/imports.py            checks
    tests/imports.py --list     prints what each module imports today
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"

# Who may know whom, from the ground up. A module that is not here may be known by nobody but `main` and `cli`.
GROUND = {"failpoint", "flow_control"}
PORTS = GROUND | {"events"}
FLOWS = PORTS | {"state", "llm", "documents", "kafka"}
MAY_KNOW = {
    "failpoint": set(),
    "fake_http": set(),
    "flow_control": set(),
    "events": set(),
    "state": PORTS,
    "kafka": PORTS,
    "llm": PORTS,
    "documents": PORTS,
    "telemetry": PORTS | {"llm"},
    "readiness": set(),
    "supervise": set(),
    "http": {"readiness", "telemetry"},
    "feedback": PORTS | {"llm"},
    "resume": PORTS | {"llm", "state", "documents"},
    "config": PORTS | {"state", "kafka", "llm", "telemetry"},
    "contract": PORTS | {"config", "kafka"},
    "worker": FLOWS | {"feedback", "resume", "telemetry"},
    "app": FLOWS | {"config", "readiness", "supervise", "http", "feedback", "resume", "worker", "telemetry"},
    "gateway": PORTS | {"config", "kafka", "documents", "readiness", "supervise", "http"},
    "ops": FLOWS | {"config", "telemetry", "worker", "app"},
    "dev": FLOWS | {"config", "gateway", "app"},
    "cli": None,  # everything
    "main": None,
    "lib": set(),
}


def code(file: Path) -> str:
    """A file without its comments, and without what only tests see."""
    text = re.sub(r"//.*", "", file.read_text(encoding="utf-8"))
    return re.sub(r"#\[cfg\(test\)\]\s*(pub(\([^)]*\))? )?mod \w+(;|\s*\{.*)", "", text, flags=re.DOTALL)


def module(file: Path) -> tuple[str, ...]:
    """The path of a file's module, from the crate's root."""
    parts = file.relative_to(SRC).with_suffix("").parts
    return parts[:-1] if parts[-1] == "mod" else parts


def paths(tree: str) -> list[tuple[str, ...]]:
    """The paths of a `use` tree: a::{b, c::d} is a::b and a::c::d."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    parts = tuple(part.strip().split(" as ")[0] for part in head.split("::") if part.strip())
    if not brace:
        return [parts]
    inner, depth, begin, branches = rest.rsplit("}", 1)[0], 0, 0, []
    for at, char in enumerate(inner + ","):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            branches.append(inner[begin:at])
            begin = at + 1
    return [parts + path for branch in branches if branch.strip() for path in paths(branch)]


def imports(file: Path) -> set[tuple[str, ...]]:
    """Absolute paths, from the crate's root, of what a file names."""
    text = code(file)
    here = module(file)
    found = [path for tree in re.findall(r"\buse ([^;]+);", text) for path in paths(tree)]
    found += [tuple(path.split("::")) for path in re.findall(r"\b(?:crate|super)(?:::\w+)+", text)]
    absolute = set()
    for path in found:
        if path[0] == "crate":
            absolute.add(path[1:])
        elif path[0] == "super":
            up = sum(1 for part in path if part == "super")
            absolute.add(here[: len(here) - up] + path[up:])
    return absolute


def circle(graph: dict[Path, set[Path]]) -> list[Path]:
    """Files that import each other in a circle, if there are such."""
    done: set[Path] = set()

    def walk(file: Path, way: list[Path]) -> list[Path]:
        if file in way:
            return way[way.index(file) :] + [file]
        if file in done:
            return []
        for next_file in sorted(graph[file]):
            if found := walk(next_file, [*way, file]):
                return found
        done.add(file)
        return []

    for file in sorted(graph):
        if found := walk(file, []):
            return found
    return []


def main() -> int:
    files = [file for file in sorted(SRC.rglob("*.rs")) if file.name != "tests.rs"]
    of_module = {module(file): file for file in files}
    graph: dict[Path, set[Path]] = {file: set() for file in files}
    known: dict[str, set[str]] = {}
    wrong = []
    for file in files:
        name = file.relative_to(SRC)
        top = module(file)[0] if module(file) else name.stem
        if top not in MAY_KNOW:
            wrong.append(f"src/{name}: the module `{top}` is new; say in tests/imports.py whom it may know")
            continue
        allowed = MAY_KNOW[top]
        for path in sorted(imports(file)):
            other = path[0] if path else top
            if other not in MAY_KNOW or other == "lib":
                continue
            if other != top:
                known.setdefault(top, set()).add(other)
                if allowed is not None and other not in allowed:
                    may = ", ".join(sorted(allowed)) or "nothing of ours"
                    wrong.append(f"src/{name} imports crate::{'::'.join(path)}: `{top}` may know {may}")
            # The longest part of the path that is a module is the file that is named. What a file finds in the module
            # around it is that module's own affair: it is declared there.
            ends = [end for end in range(len(path), 0, -1) if path[:end] in of_module]
            if ends and path[: ends[0]] != module(file)[: ends[0]]:
                graph[file].add(of_module[path[: ends[0]]])
        if top != "kafka" and re.search(r"\brdkafka(_sys)?::", code(file)):
            wrong.append(f"src/{name} names rdkafka: it stays in src/kafka")
    if found := circle(graph):
        wrong.append(
            "these files import each other in a circle: "
            + " -> ".join(f"src/{file.relative_to(SRC)}" for file in found)
        )
    if "--list" in sys.argv:
        for top in MAY_KNOW:
            print(f"{top:13} {' '.join(sorted(known.get(top, set())))}")
    print("\n".join(wrong) or f"imports run one way: {len(files)} files")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
