#!/usr/bin/env python3
"""Imports run one way. Fails, and says which import is wrong, where a module of src/ knows one that it should not, where
files import each other in a circle, where `rdkafka` is named outside of src/kafka or `fred` outside of src/state/redis, or
where a JSON name of the wire is written outside of src/events.

    tests/imports.py            checks
    tests/imports.py --list     prints what each module imports today, and the JSON names of the wire
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# Who alone names a library that another may have to stand in for.
LIBRARIES = {"rdkafka": "kafka/", "fred": "state/redis/"}

SRC = Path(__file__).resolve().parent.parent / "src"

# Who may know whom, from the ground up. A module that is not here may be known by nobody but `main` and `cli`.
GROUND = {"failpoint", "flow_control"}
PORTS = GROUND | {"events"}
FLOWS = PORTS | {"state", "llm", "documents", "kafka"}
MAY_KNOW = {
    "failpoint": set(),
    "fake_http": set(),
    "fake_tls": set(),
    "open_files": set(),
    "print": set(),
    "proxies": set(),
    "flow_control": set(),
    "events": set(),
    "state": PORTS,
    "kafka": PORTS,
    "llm": PORTS,
    "documents": PORTS,
    "telemetry": PORTS | {"llm"},
    "exit": {"print", "telemetry"},
    "readiness": GROUND,
    "supervise": set(),
    "http": {"open_files", "readiness", "telemetry"},
    "feedback": PORTS | {"llm"},
    "resume": PORTS | {"llm", "state", "documents"},
    "config": PORTS | {"state", "kafka", "llm", "documents", "telemetry"},
    "contract": PORTS | {"config", "kafka"},
    "worker": FLOWS | {"feedback", "resume", "telemetry"},
    "app": FLOWS
    | {"config", "exit", "readiness", "supervise", "http", "feedback", "resume", "worker", "telemetry", "proxies"},
    "gateway": PORTS | {"config", "kafka", "documents", "readiness", "supervise", "http", "telemetry"},
    "eval": PORTS | {"state", "llm", "documents", "config", "feedback", "resume", "app", "telemetry", "print"},
    "ops": FLOWS | {"config", "telemetry", "worker", "app", "print"},
    "dev": FLOWS | {"config", "gateway", "app", "print"},
    "cli": None,  # everything
    "main": None,
    "lib": set(),
}

# Words that mean something else where they stand: the folder or file, the words, and what they are there.
OTHER_WORDS = [
    ("contract/asyncapi/examples.rs", {"answer"}, "a field of a context, which is the caller's own"),
    ("dev/model", {"code", "message", "question"}, "fields of a model's replies and errors"),
    ("eval", {"answer", "feedback", "question"}, "kinds of what is judged, and labels that models write unasked"),
    ("llm", {"code", "context", "message", "question"}, "fields of a model's replies and errors"),
    ("config.rs", {"text"}, "a format of the log"),
    ("llm/classify/reply.rs", {"text"}, "a field of a model's replies"),
    ("llm/content.rs", {"text"}, "a field of a model's replies"),
    ("llm/streamed.rs", {"text"}, "a field of a model's replies"),
    ("llm/text/formula.rs", {"text"}, "a command of LaTeX"),
    ("llm/text/html.rs", {"section"}, "an element of HTML"),
    ("llm/text/tokens.rs", {"sequence", "text"}, "words in the names of tokens"),
    ("llm/text/phrases.rs", {"answer", "feedback", "text"}, "labels and keys that models write unasked"),
    ("resume", {"question"}, "what a model is asked to reply with"),
    ("resume/markdown/html.rs", {"code", "section"}, "elements of HTML"),
    ("resume/markdown/mask.rs", {"email"}, "placeholders that models leave in a résumé"),
    ("resume/markdown/phrases.rs", {"email", "position", "text"}, "placeholders that models leave in a résumé"),
    ("resume/markdown/unpack.rs", {"text"}, "a language of code fences"),
    ("telemetry", {"code", "stage"}, "labels of metrics"),
]

# Comments, texts (raw ones first) and characters, in the order in which they open.
TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/) | b?r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes) | b?"(?P<text>(?:[^"\\]|\\.)*)"
      | '(?:[^'\\]|\\[^']+|\\')'""",
    re.DOTALL | re.VERBOSE,
)


def code(file: Path) -> str:
    """A file without its comments, and without what only tests see."""
    text = TOKEN.sub(lambda token: "" if token["comment"] else token[0], file.read_text(encoding="utf-8"))
    return re.sub(r"#\[cfg\(test\)\]\s*(pub(\([^)]*\))? )?mod \w+(;|\s*\{.*)", "", text, flags=re.DOTALL)


def texts(file: Path) -> Iterator[str]:
    """The texts that a file holds."""
    for token in TOKEN.finditer(code(file)):
        text = token["raw"] if token["raw"] is not None else token["text"]
        if text is not None:
            yield text


def names_of_the_wire() -> set[str]:
    """JSON names of the wire: the fields of what is sent, those that are read, and the words of closed lists."""
    names = set()
    for file in ("request/data.rs", "outcome/data.rs", "progress.rs"):
        structs = re.findall(r"((?:#\[[^\n]*\n)*)pub struct \w+ \{(.*?)\n\}", code(SRC / "events" / file), re.DOTALL)
        for attributes, body in structs:
            for field in re.findall(r"^    pub (\w+):", body, re.MULTILINE):
                camel = re.sub(r"_(\w)", lambda letter: letter[1].upper(), field)
                names.add(camel if "camelCase" in attributes else field)
    names |= {text for text in texts(SRC / "events/decode.rs") if re.fullmatch(r"[a-z]+([A-Z_][a-z]+)*", text)}
    for file in ("decode.rs", "record.rs", "request.rs", "outcome/failure.rs", "progress.rs"):
        names |= {text for text in texts(SRC / "events" / file) if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", text)}
    # JSON's own, and serde's.
    return names - {"null", "SCREAMING_SNAKE_CASE"}


def foreign_names(files: list[Path]) -> list[str]:
    """Where names of the wire are written that only src/events should know, alone or quoted in a text."""
    wire = names_of_the_wire()
    wrong, used = [], set()
    for file in files:
        name = str(file.relative_to(SRC))
        if name.startswith("events"):
            continue
        there = {word for text in texts(file) for word in [text, *re.findall(r'"(\w+)\\?"', text)]} & wire
        for place, words, _ in OTHER_WORDS:
            if name == place or name.startswith((f"{place}/", f"{place}.rs")):
                used |= {(place, word) for word in words & there}
                there -= words
        wrong += [
            f'src/{name} writes "{word}": JSON names of the wire are known in src/events alone. Use its types, or say in '
            "tests/imports.py what else it is"
            for word in sorted(there)
        ]
    for place, words, _ in OTHER_WORDS:
        unused = sorted(word for word in words if (place, word) not in used)
        wrong += [f'tests/imports.py allows "{word}" in src/{place}, which does not write it' for word in unused]
    return wrong


def is_for_tests(file: Path) -> bool:
    """Whether the module around a file declares it for tests alone."""
    around = file.parent / "mod.rs" if (file.parent / "mod.rs").exists() else file.parent.with_suffix(".rs")
    declared = rf"#\[cfg\(test\)\]\s*(pub(\([^)]*\))? )?mod {file.stem};"
    return around.exists() and re.search(declared, around.read_text(encoding="utf-8")) is not None


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
    files = [file for file in sorted(SRC.rglob("*.rs")) if not is_for_tests(file)]
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
        for library, folder in LIBRARIES.items():
            if not str(name).startswith(folder) and re.search(rf"\b{library}(_sys)?::", code(file)):
                wrong.append(f"src/{name} names {library}: it stays in src/{folder}")
    wrong += foreign_names(files)
    if found := circle(graph):
        wrong.append(
            "these files import each other in a circle: "
            + " -> ".join(f"src/{file.relative_to(SRC)}" for file in found)
        )
    if "--list" in sys.argv:
        for top in MAY_KNOW:
            print(f"{top:13} {' '.join(sorted(known.get(top, set())))}")
        print(f"JSON names: {' '.join(sorted(names_of_the_wire()))}")
    print("\n".join(wrong) or f"imports run one way: {len(files)} files")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
