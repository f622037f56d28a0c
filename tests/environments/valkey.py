"""Valkey in Redis' place, where Debian has it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from faults import Script
from redis_acl_tls import RedisAclTls, SafeRedis
from scene import Scene
from services import Ports

PROGRAM = "valkey-server"
PACKAGES = (PROGRAM, "valkey-tools")
FETCHING_S = 120.0
MACHINES_OWN = Path("/etc/apt/sources.list.d/debian.sources")


class Valkey(RedisAclTls):
    name = "valkey"
    about = "Valkey behind TLS, users with the least rights"

    def missing(self) -> str | None:
        root = Path(__file__).resolve().parents[2]
        services = Path(os.environ.get("SSAMMU_TEST_SERVICES_DIR", root / "target/services"))
        self._program, why = find(services / "valkey")
        return why

    def redis(self, folder: Path, ports: Ports) -> SafeRedis:
        return SafeRedis(folder, ports, [*self._users, self._operator], str(self._program))

    def script(self, scene: Scene) -> Script:
        redis: SafeRedis = scene.stand.redis
        yield 1.0
        version = redis.info("valkey_version")
        scene.expect(bool(version), "this is no Valkey")
        flushes = 3 if self.short else 10
        with scene.event(f"Valkey {version}: SCRIPT FLUSH under load, {flushes} times"):
            for _ in range(flushes):
                redis.ask("SCRIPT", "FLUSH")
                yield 1.0
            yield from scene.all_ready()
        with scene.event("a right inside a script is taken away, told, and given back"):
            yield from self._missing(scene, redis, ("+pexpire", "+eval"))
        if not self.short:
            with scene.event("the commands"):
                yield from self._commands(scene)
        yield 1.0


def find(folder: Path) -> tuple[Path | None, str | None]:
    """The program, or why there is none: the machine's own, one that was fetched before, or Debian's."""
    if (own := shutil.which(PROGRAM)) is not None:
        return Path(own), None
    fetched = folder / "usr/bin" / PROGRAM
    if not fetched.exists() and (why := _fetch(folder)) is not None:
        return None, f"no {PROGRAM}: {why}"
    return fetched, None


def _fetch(folder: Path) -> str | None:
    """Debian's packages, unpacked here and not installed; from the machine's own sources, or where these are of a release
    before Valkey, from its backports."""
    if shutil.which("apt-get") is None:
        return "this is no Debian"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if _run(folder, {}, "apt-get", "download", *PACKAGES) != 0:
        config = _backports(folder)
        if config is None:
            return "Debian's sources are not where they are expected"
        _run(folder, {"APT_CONFIG": str(config)}, "apt-get", "update")
        if _run(folder, {"APT_CONFIG": str(config)}, "apt-get", "download", *PACKAGES) != 0:
            return "neither the machine's release of Debian nor its backports have it"
    for package in folder.glob("*.deb"):
        if _run(folder, {}, "dpkg-deb", "-x", str(package), str(folder)) != 0:
            return f"{package.name} cannot be unpacked"
    return None


def _backports(folder: Path) -> Path | None:
    """Settings of apt by which it knows the backports of the machine's release, and nothing else."""
    if not MACHINES_OWN.exists():
        return None
    release = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    # Security has an archive of its own, without backports.
    first = MACHINES_OWN.read_text().split("\n\n")[0]
    parts = folder / "sources"
    parts.mkdir()
    (folder / "lists").mkdir()
    (parts / "backports.sources").write_text(
        re.sub(r"(?m)^Suites: .*$", f"Suites: {release[1]}-backports", first) + "\n"
    )
    config = folder / "apt.conf"
    config.write_text(
        f'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "{parts}";\nDir::State::Lists "{folder}/lists";\n'
        'APT::Sandbox::User "root";\n'
    )
    return config


def _run(folder: Path, env: dict[str, str], *command: str) -> int:
    try:
        return subprocess.run(
            command, cwd=folder, env=os.environ | env, capture_output=True, timeout=FETCHING_S, check=False
        ).returncode  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return 1
