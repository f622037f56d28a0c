#!/usr/bin/env python3
"""Says what the program is made of: a CycloneDX SBOM, and the licences of all of it.

    image/components.py FOLDER      writes sbom.cdx.json and third-party-notices.txt there

The Dockerfile calls it, and `tests/gates components` tries it. It knows what cargo knows (Cargo.lock, and the sources that
cargo has fetched), asks nobody, and writes the same for the same lock file. It fails where a crate brings no licence text, or
C code whose version it cannot tell. What Debian's packages bring is in the image's own lists: /var/lib/dpkg/status and
/usr/share/doc/*/copyright.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Crates with C code of others in them, which advisories for crates do not name: what it is called, and where it says
# which version it is.
BUNDLED = {
    "aws-lc-sys": ("github/aws/aws-lc", "aws-lc/include/openssl/base.h", r'AWSLC_VERSION_NUMBER_STRING "([\d.]+)"'),
    "libz-sys": ("github/madler/zlib", "src/zlib/zlib.h", r'ZLIB_VERSION "([\d.]+)"'),
    "rdkafka-sys": ("github/confluentinc/librdkafka", "Cargo.toml", r'(?m)^version = "[\d.]+\+([\d.]+)"'),
    "zstd-sys": ("github/facebook/zstd", "Cargo.toml", r'(?m)^version = "[\d.]+\+zstd\.([\d.]+)"'),
}

LICENCE = re.compile(r"(licen[cs]es?|copying|copyright|notice)\b", re.IGNORECASE)
# Of programs that only come along, or that say again what stands beside them; of zstd the BSD licence is taken.
NO_LICENCE = re.compile(r"(tests?|packaging|debian|contrib|zlib-ng)/|LICENSE\.\w+$|zstd/COPYING$|\.(rs|c|h|py)$")


class Crate:
    def __init__(self, name: str, version: str, licence: str):
        self.name, self.version, self.licence = name, version, licence
        registry = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry/src"
        sources = list(registry.glob(f"*/{name}-{version}"))
        if not sources:
            raise SystemExit(f"{name} {version} is not in {registry}: `cargo fetch` brings it")
        self.source = sources[0]
        self.purl = f"pkg:cargo/{name}@{version}"

    def texts(self) -> list[str]:
        """Its licences and notices, those of the code in it too."""
        files = sorted(file for file in self.source.rglob("*") if file.is_file() and self.is_licence(file))
        texts = [file.read_text(errors="replace").strip() for file in files]
        if not texts and self.licence == "MIT":
            # It names the licence and leaves the text to whoever passes it on.
            authors = tomllib.loads((self.source / "Cargo.toml").read_text())["package"].get("authors")
            holders = ", ".join(authors or [f"the authors of {self.name}"])
            _, text = (ROOT / "LICENSE-MIT").read_text().split("\n\nPermission", 1)
            texts = [f"MIT License\n\nCopyright (c) {holders}\n\nPermission{text}".strip()]
        if not texts:
            raise SystemExit(f"{self.purl} ({self.licence}) has no licence text in {self.source}")
        return texts

    def is_licence(self, file: Path) -> bool:
        inside = file.relative_to(self.source).as_posix()
        is_of_root = "/" not in inside
        return bool(LICENCE.match(file.name)) and (is_of_root or not NO_LICENCE.search(inside))

    def component(self, checksum: str) -> dict:
        component = {
            "type": "library",
            "bom-ref": self.purl,
            "name": self.name,
            "version": self.version,
            "purl": self.purl,
            # As Cargo wrote it before it took SPDX expressions.
            "licenses": [{"expression": re.sub(r"\s*/\s*", " OR ", self.licence)}],
            "hashes": [{"alg": "SHA-256", "content": checksum}],
        }
        if self.name in BUNDLED:
            component["components"] = [self.bundled()]
        return component

    def bundled(self) -> dict:
        package, file, pattern = BUNDLED[self.name]
        found = re.search(pattern, (self.source / file).read_text())
        if not found:
            raise SystemExit(f"{self.purl}: {file} does not say which version of {package} it has")
        purl = f"pkg:{package}@{found[1]}"
        name = package.rpartition("/")[2]
        return {"type": "library", "bom-ref": purl, "name": name, "version": found[1], "purl": purl}


def crates() -> list[Crate]:
    """What the program is linked from, and what wrote code of it; not what only tests and build scripts use."""
    # Offline: what `cargo build` has fetched is enough.
    command = ["cargo", "tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--no-dedupe"]
    tree = subprocess.run(
        [*command, "--format", "{p}\t{l}"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    # A line: `name v1.2.3 (proc-macro)<tab>licence`. The first is ours.
    _, *lines = dict.fromkeys(tree.splitlines())
    found = set()
    for line in lines:
        package, _, licence = line.partition("\t")
        name, version = package.split()[:2]
        found.add((name, version.removeprefix("v"), licence))
    return [Crate(*crate) for crate in sorted(found)]


def sbom(crates: list[Crate]) -> dict:
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    ours = manifest["package"]
    lock = {(package["name"], package["version"]): package for package in read_lock()}
    program = {
        "type": "application",
        "bom-ref": ours["name"],
        "name": ours["name"],
        "version": ours["version"],
        "licenses": [{"expression": ours["license"]}],
    }
    built_in = {(crate.name, crate.version): crate.purl for crate in crates}
    # Of ours, the lock file names the crates of the tests, too.
    dependencies = {
        ours["name"]: [
            name
            for name in lock[ours["name"], ours["version"]]["dependencies"]
            if name.split()[0] in manifest["dependencies"]
        ]
    }
    dependencies |= {purl: lock[crate].get("dependencies", []) for crate, purl in built_in.items()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": program},
        "components": [crate.component(lock[crate.name, crate.version]["checksum"]) for crate in crates],
        "dependencies": [{"ref": purl, "dependsOn": purls(names, built_in)} for purl, names in dependencies.items()],
    }


def read_lock() -> list[dict]:
    return tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]


def purls(names: list[str], built_in: dict[tuple[str, str], str]) -> list[str]:
    """Cargo.lock names a crate by its name, and by its version too where there are several."""
    wanted = {tuple(name.split()[:2]) for name in names}
    return sorted(purl for (name, version), purl in built_in.items() if wanted & {(name,), (name, version)})


def notices(crates: list[Crate]) -> str:
    """Each text once, under all whose it is."""
    whose = defaultdict(list)
    for crate in crates:
        for text in crate.texts():
            whose[text].append(f"{crate.name} {crate.version} ({crate.licence})")
    rule = "=" * 100
    parts = ["ssammu-worker contains the following software. Each licence stands below those that come under it."]
    parts += [
        "\n".join([rule, *names, rule, "", text]) for text, names in sorted(whose.items(), key=lambda one: one[1])
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    found = crates()
    (folder / "sbom.cdx.json").write_text(json.dumps(sbom(found), indent=1) + "\n")
    (folder / "third-party-notices.txt").write_text(notices(found))
    print(f"{len(found)} crates: {folder}/sbom.cdx.json, {folder}/third-party-notices.txt")


if __name__ == "__main__":
    main()
