"""The services of a run: processes that can be killed and started again."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

KAFKA_JARS = "kafka-4.3.1"
CLUSTER_ID = "c3NhbW11LXdvcmtlci1jaA"
LOOK_S = 0.3
"""How long a look at a service may hold up the run."""
START_S = 120.0
COMMAND_S = 5.0

PR_SET_PDEATHSIG = 1


class NotStarted(Exception):
    """A service did not come up, or is not installed."""


class Ports:
    """Free ports below those that the system hands out to outgoing connections."""

    def __init__(self) -> None:
        self._candidates = iter(random.SystemRandom().sample(range(12_000, 32_000), 2_000))

    def free(self) -> int:
        for port in self._candidates:
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
        raise NotStarted("no free port")


def _die_with_parent() -> None:
    """Runs in the child: whatever becomes of this program, nothing that it started stays behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Service:
    """A process that can be started again after its end. Its output is appended to one log, errors too unless they have a file
    of their own."""

    def __init__(self, name: str, folder: Path, command: list[str], env: dict[str, str] | None = None) -> None:
        self.name = name
        self.log = self.errors = folder / f"{name}.log"
        self._folder = folder
        self._command = command
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log, self.errors.open("ab") as errors:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    cwd=self._folder,
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=errors,
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
            except OSError as error:
                raise NotStarted(f"{self.name} cannot be started: {error}") from error

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def exit_code(self) -> int | None:
        """None while it runs, or has not been started."""
        return None if self._process is None else self._process.poll()

    def pid(self) -> int | None:
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def tail(self, lines: int = 20) -> str:
        files = [file for file in dict.fromkeys([self.log, self.errors]) if file.exists()]
        return "\n".join(line for file in files for line in file.read_text(errors="replace").splitlines()[-lines:])

    def check(self) -> None:
        """Raises when the process has ended."""
        if (code := self.exit_code()) is not None:
            raise NotStarted(f"{self.name} ended with {code}:\n{self.tail()}")


class Broker(Service):
    """Kafka from its jars, one node, whose log outlives it. Other settings win over those of a node that is alone."""

    def __init__(
        self, folder: Path, services: Path, ports: Ports, name: str = "kafka", heap: str = "512m",
        address: str = "", other: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.address = address or f"127.0.0.1:{ports.free()}"
        inner, controller = f"127.0.0.1:{ports.free()}", f"127.0.0.1:{ports.free()}"
        jars = services / KAFKA_JARS
        if not jars.is_dir():
            raise NotStarted(f"{jars} is missing; tests/run fetches it")
        self._is_formatted = False
        self._properties = folder / f"{name}.properties"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"OUT://{self.address},IN://{inner},CONTROLLER://{controller}",
            "advertised.listeners": f"OUT://{self.address},IN://{inner},CONTROLLER://{controller}",
            "listener.security.protocol.map": "OUT:PLAINTEXT,IN:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "IN",
            "controller.listener.names": "CONTROLLER",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "log.index.size.max.bytes": "262144",
            "log.cleaner.dedupe.buffer.size": "16777216",
            "log.dirs": str(folder / f"{name}-data"),
        } | (other or {})
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        logging = folder / "log4j2.properties"
        logging.write_text(
            "rootLogger.level=warn\nrootLogger.appenderRef.out.ref=out\nappender.out.type=Console\n"
            "appender.out.name=out\nappender.out.layout.type=PatternLayout\n"
            "appender.out.layout.pattern=%d %p %m (%c)%n\n"
        )
        self._java = [
            "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={logging}",
            "-cp", f"{jars}/*",
        ]  # fmt: skip
        super().__init__(name, folder, [*self._java, f"-Xmx{heap}", "kafka.Kafka", str(self._properties)])

    def start(self) -> None:
        if not self._is_formatted:
            self._format()
        super().start()

    def _format(self) -> None:
        command = [*self._java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._properties)]
        try:
            formatted = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise NotStarted(f"java cannot be started: {error}") from error
        if formatted.returncode != 0:
            raise NotStarted(f"Kafka's folder cannot be formatted: {formatted.stdout}{formatted.stderr}")
        self._is_formatted = True

    def answers(self) -> bool:
        """Whether a client that starts now finds the broker (a fenced one is listed nowhere)."""
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        try:
            return bool(client.list_topics(timeout=LOOK_S).brokers)
        except KafkaException:
            return False


class Redis(Service):
    """Redis that has on disk whatever it has acknowledged."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self.port = ports.free()
        self._data = folder / "redis-data"
        self._data.mkdir()
        command = (
            f"redis-server --bind 127.0.0.1 --port {self.port} --dir {self._data} --save '' "
            "--appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0"
        )
        super().__init__("redis", folder, [word.strip("'") for word in command.split()])

    def lose_everything(self) -> None:
        for file in sorted(self._data.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()

    def saved(self) -> dict[Path, int]:
        """How much lies in each file of the append-only log now: everything that has been acknowledged."""
        return {file: file.stat().st_size for file in self._data.rglob("*.incr.aof")}

    def roll_back(self, saved: dict[Path, int]) -> int:
        """Takes back what was saved since, as a power cut does where the log is synced now and then; returns how many
        bytes that was."""
        lost = sum(file.stat().st_size - size for file, size in saved.items())
        for file, size in saved.items():
            os.truncate(file, size)
        return lost

    def command(self, *words: str) -> None:
        """Raises where Redis does not do it."""
        parts = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        with socket.create_connection(("127.0.0.1", self.port), COMMAND_S) as connection:
            connection.sendall(f"*{len(words)}\r\n{parts}".encode())
            said = connection.recv(256)
        if not said.startswith(b"+"):
            raise NotStarted(f"Redis does not do {words[0]} {words[1]}: {said.decode(errors='replace').strip()}")

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), LOOK_S) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


class Storage(Service):
    """moto's S3 server. It keeps documents in memory, so that it is never killed: faults are the relay's before it."""

    def __init__(self, folder: Path, services: Path, ports: Ports) -> None:
        self.port = ports.free()
        # Through the interpreter: the script's first line names the place where the environment was made.
        environment = services / "venv/bin"
        command = [environment / "python3", environment / "moto_server", "-H", "127.0.0.1", "-p", self.port]
        super().__init__("s3", folder, [str(word) for word in command])

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), LOOK_S):
                return True
        except OSError:
            return False


def wait_until_answers(service: Broker | Redis | Storage) -> None:
    deadline = time.monotonic() + START_S
    while not service.answers():
        service.check()
        if time.monotonic() > deadline:
            raise NotStarted(f"{service.name} did not answer within {START_S:.0f} s:\n{service.tail()}")
        time.sleep(0.05)


def bare_environment() -> dict[str, str]:
    """What a process needs of ours; a setting of the worker that lies about here must not reach it."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}
