"""The worker as a process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from services import LOOK_S, NotStarted, Ports, Service

CALM_WAITING = 5
SILENT_S = 2.0
"""After how long without an answer a worker counts as one that says nothing."""


class Worker(Service):
    """A worker. Each life of it has a name of its own, by which the model server knows who calls."""

    def __init__(self, folder: Path, name: str, binary: Path, env: dict[str, str], ports: Ports) -> None:
        self._http = f"127.0.0.1:{ports.free()}"
        self._base = env | {"HTTP_ADDR": self._http}
        self._lives = 0
        self.wanted = False
        """Whether it should be running."""
        self.peak_rss_kb = 0
        super().__init__(name, folder, [str(binary), "run"])

    @property
    def life(self) -> str:
        return f"{self.name}.{self._lives}"

    def set(self, settings: dict[str, str]) -> None:
        """What it is told from its next start on."""
        self._base |= settings

    def use(self, binary: Path) -> None:
        """Another program from its next start on."""
        self._command = [str(binary), "run"]

    def start(self) -> None:
        self._lives += 1
        self._env = self._base | {"VLLM_API_KEY": self.life, "OPENAI_API_KEY": self.life}
        self.wanted = True
        super().start()

    def kill(self) -> None:
        self.wanted = False
        self.note_memory()
        super().kill()

    def terminate(self) -> None:
        self.wanted = False
        self.note_memory()
        self.signal(signal.SIGTERM)

    def is_ready(self) -> bool:
        return self._get("/readyz") is not None

    def unready_parts(self) -> dict[str, str] | None:
        """What it says is not ready, with the reasons, also what it can be without; None when it says nothing."""
        if self.pid() is None:
            return None
        try:
            with urllib.request.urlopen(f"http://{self._http}/readyz", timeout=SILENT_S) as response:
                said = json.load(response)
        except urllib.error.HTTPError as error:
            try:
                said = json.load(error)
            except (OSError, ValueError):
                return None
        except (OSError, urllib.error.URLError, ValueError):
            return None
        return said["notReady"] | said["optionalNotReady"]

    def in_work(self) -> int | None:
        """Requests in work now, and those that wait for Redis, perhaps with what was paid for; None when it does not say in
        time."""
        counts = r"^ssammu_(?:requests_in_work|state_waiting) (\d+)"
        found = re.findall(counts, self._get("/metrics") or "", re.MULTILINE)
        return sum(map(int, found)) if found else None

    def is_calm(self) -> bool:
        """Whether it is ready and next to nothing waits in it."""
        waiting = re.findall(r"^ssammu_requests_waiting\{.*\} (\d+)", self._get("/metrics") or "", re.MULTILINE)
        return self.is_ready() and sum(map(int, waiting)) <= CALM_WAITING

    def has_read(self) -> bool:
        read = re.findall(r"^ssammu_records_received_total\S* (\d+)", self._get("/metrics") or "", re.MULTILINE)
        return any(map(int, read))

    def note_memory(self) -> None:
        if (pid := self.pid()) is None:
            return
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE):
            self.peak_rss_kb = max(self.peak_rss_kb, int(found[1]))

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://{self._http}{path}", timeout=LOOK_S) as response:
                return response.read().decode()
        except (OSError, urllib.error.URLError, ValueError):
            return None


def make_topics(binary: Path, env: dict[str, str], partitions: int) -> None:
    made = subprocess.run(
        [str(binary), "topics", "--partitions", str(partitions)], env=env, capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise NotStarted(f"the topics could not be made: {made.stdout}{made.stderr}")
