#!/usr/bin/env python3
"""What is taken from others is named exactly, and the same everywhere. Fails, and says which name is loose: an image by its
tag, Kafka's jars, a Python package without a hash, an npm package without one, a Maven artifact without a version.

    tests/pins.py
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = ["compose.yaml", "compose.prod.yaml"]
CONTAINERS = "tests/kit/services/docker.rs"
# What is built here has no version.
OURS = "ssammu-worker"
POM = "{http://maven.apache.org/POM/4.0.0}"

Pin = tuple[str, str, str]
"""Where, of what, which version."""


def read(file: str) -> str:
    return (ROOT / file).read_text()


def files(*patterns: str) -> list[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    return subprocess.run(listed, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def images() -> Iterator[Pin]:
    arguments = dict(re.findall(r"(?m)^ARG (\w+)=(\S+)$", read("Dockerfile")))
    for name in re.findall(r"(?m)^FROM (\S+)", read("Dockerfile")):
        yield "Dockerfile", *re.sub(r"\$\{(\w+)\}", lambda used: arguments[used[1]], name).split(":", 1)
    for file in COMPOSE:
        # `${NAME:-default}` is its default.
        for name in re.findall(r"(?m)^\s+image: (\S+)$", re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", read(file))):
            yield file, *name.split(":", 1)
    for name, tag in re.findall(r'GenericImage::new\("([^"]+)", "([^"]+)"\)', read(CONTAINERS)):
        yield CONTAINERS, name, tag


def loose_images() -> Iterator[str]:
    versions = defaultdict(dict)
    for file, name, tag in images():
        if name == OURS:
            continue
        versions[name][file] = tag
        # Three numbers, or a day: a tag with less moves on.
        if not re.search(r"@sha256:[0-9a-f]{64}$|\d+\.\d+\.\d+|\d{8}", tag):
            yield f"{file}: {name}:{tag} moves on to what comes after it"
    for name, where in versions.items():
        if len(set(where.values())) > 1:
            yield f"{name} has several versions: {where}"


def several_kafkas() -> Iterator[str]:
    """The jars that the tests run from, and the image that stands in for them where Docker is."""
    found = defaultdict(set)
    for file, name, tag in images():
        if name == "apache/kafka":
            found[tag].add(file)
    for file in files("tests"):
        named = re.findall(
            r"\bkafka-(\d+\.\d+\.\d+)\b|\bkafka_version=(\S+)", (ROOT / file).read_text(errors="replace")
        )
        for version in named:
            found["".join(version)].add(file)
    if len(found) != 1:
        yield f"Kafka has several versions: {dict(found)}"


def loose_python_packages() -> Iterator[str]:
    asked = files("tests/**/*.in")
    assert asked, "where are the lists of Python packages?"
    for file in asked:
        # A package goes on over its hashes.
        locked = read(file.removesuffix(".in") + ".txt").replace("\\\n", " ").splitlines()
        locked = [line for line in locked if not line.startswith("#")]
        yield from (
            f"{file}: {line.split()[0]} has no hash in its .txt" for line in locked if "--hash=sha256:" not in line
        )
        names = {line.split()[0] for line in locked}
        for line in filter(None, (line.partition("#")[0].strip() for line in read(file).splitlines())):
            # What a package has beside itself stands in the .txt by its own name.
            if re.sub(r"\[.*\]", "", line) not in names:
                yield f"{file}: {line} is not what its .txt has"


def loose_npm_packages() -> Iterator[str]:
    for file in files("tests/**/package.json"):
        lock = json.loads(read(file.replace("package.json", "package-lock.json")))["packages"]
        yield from (
            f"{file}: {name} {asked}"
            for name, asked in json.loads(read(file))["dependencies"].items()
            if not asked[0].isdigit()
        )
        yield from (
            f"{file}: {name} has no hash in its lock"
            for name, package in lock.items()
            if name and "integrity" not in package
        )


def loose_maven_artifacts() -> Iterator[str]:
    for file in files("tests/**/pom.xml"):
        project = ElementTree.fromstring(read(file))
        parent = project.find(f"{POM}parent")
        for artifact in project.iter():
            if artifact.tag.removeprefix(POM) in ("parent", "dependency", "plugin"):
                # What has none takes its parent's, which is one of them.
                version = artifact.findtext(f"{POM}version") or (
                    parent is not None and parent.findtext(f"{POM}version")
                )
                if not version or not re.fullmatch(r"\d[\w.]*", version) or "SNAPSHOT" in version:
                    yield f"{file}: {artifact.findtext(f'{POM}artifactId')} {version or 'has no version'}"


def main() -> None:
    looks = [loose_images, several_kafkas, loose_python_packages, loose_npm_packages, loose_maven_artifacts]
    wrong = [said for look in looks for said in look()]
    if wrong:
        print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
