"""Puts the services and workers of a run together, and takes them away again."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import boto3

from model import MODEL, Manners, ModelServer
from outsider import Clock
from payments import Call
from relay import Relay
from services import (
    Broker,
    Ports,
    Redis,
    Service,
    Storage,
    bare_environment,
    wait_until_answers,
)
from wire import Names
from workers import Worker, make_topics

WORKERS = 2
MODEL_NAME = str(MODEL["id"])
FALLBACK_FIRST = 1_000_000
"""The fallback's replies are numbered from here on: no two of both servers are alike."""
GRACE_S = 20.0
ANSWER_S = 10.0
MEMBERSHIPS = {"dynamic": "", "static": "group.instance.id=chaos-{number}"}

Started = TypeVar("Started", bound=Service)


class Background:
    """Both model servers and the relay before the storage, in an event loop of their own thread."""

    def __init__(self, seed: int, manners: Manners, storage_port: int, ports: Ports, now: Callable[[], float]) -> None:
        self.model_port, self.fallback_port, self.s3_port = ports.free(), ports.free(), ports.free()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        opened = self._call(self._open(seed, manners, storage_port, now))
        self.model, self.fallback, self.relay = opened.result(ANSWER_S)

    def fail(self, what: str, mode: str) -> None:
        """Makes the `primary` model, every `model` or `s3` fail in a mode of theirs; "well" heals."""
        servers: dict[str, list[ModelServer | Relay]] = {
            "primary": [self.model], "model": [self.model, self.fallback], "s3": [self.relay],
        }  # fmt: skip

        async def act() -> None:
            for server in servers[what]:
                if mode == "well":
                    server.heal()
                else:
                    server.fail(mode)

        self._call(act()).result(ANSWER_S)

    def spoil(self, marks: set[str]) -> None:
        """From now on what is asked for these is answered with nothing of use, and all else rightly."""
        self.model.spoiled = self.fallback.spoiled = marks

    def calls(self) -> list[Call]:
        return [*self.model.calls, *self.fallback.calls]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _open(
        self, seed: int, manners: Manners, storage_port: int, now: Callable[[], float]
    ) -> tuple[ModelServer, ModelServer, Relay]:
        # The fallback is a large service, and fails only when it is made to.
        model = ModelServer(seed, manners, now)
        fallback = ModelServer(seed + 1, replace(manners, trouble=0.0), now, first=FALLBACK_FIRST)
        relay = Relay(storage_port)
        await model.start(self.model_port)
        await fallback.start(self.fallback_port)
        await relay.start(self.s3_port)
        return model, fallback, relay

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Future:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


class Surroundings:
    """Which services a run has, and what its workers are told. These are the plain ones."""

    partitions = 3
    workers = WORKERS

    def broker(self, folder: Path, services: Path, ports: Ports) -> Broker:
        """Whoever comes without a password to its `address` may do everything there."""
        return Broker(folder, services, ports)

    def redis(self, folder: Path, ports: Ports) -> Redis:
        return Redis(folder, ports)

    def storage(self, folder: Path, services: Path, ports: Ports) -> Storage:
        return Storage(folder, services, ports)

    def settings(self, stand: Stand) -> dict[str, str]:
        """For workers and commands, once all services answer; wins over what the stand says."""
        return {}

    def of_worker(self, number: int) -> dict[str, str]:
        """For one worker; wins over all others."""
        return {}


class Stand:
    """All processes of a run, with a log for each in `folder`. `close` must be called whatever happens."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self._started: list[Service] = []
        self._also: list[Callable[[], None]] = []
        """What else ends with the run."""
        self._events = (folder / "faults.log").open("a")

    def open(self, binary: Path, services: Path, surroundings: Surroundings, seed: int, manners: Manners) -> None:
        """Starts everything."""
        self.ports = ports = Ports()
        self.broker = self.start(surroundings.broker, services, ports)
        self.redis = self.start(surroundings.redis, ports)
        self.storage = self.start(surroundings.storage, services, ports)
        for service in (self.broker, self.redis, self.storage):
            wait_until_answers(service)
        self.background = Background(seed, manners, self.storage.port, ports, self.clock.now)
        self._also.append(self.background.close)
        storage_settings = {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.background.s3_port}",
            "AWS_ACCESS_KEY_ID": "chaos",
            "AWS_SECRET_ACCESS_KEY": "chaos",
            "AWS_REGION": "us-east-1",
        }
        # The client that fetches the documents finds them as any AWS program does.
        os.environ.update(storage_settings)
        self.names = Names.from_environment({})
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=self.names.bucket)
        env = bare_environment() | storage_settings | {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.address,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis.port}",
            "VLLM_URL": f"http://127.0.0.1:{self.background.model_port}",
            "LLM_FALLBACK": "openai",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.background.fallback_port}/v1",
            "OPENAI_MODEL": MODEL_NAME,
            "RESUME_URL_TTL": "6h",
            "SHUTDOWN_GRACE": f"{GRACE_S:.0f}s",
        }  # fmt: skip
        self.binary, self._partitions = binary, surroundings.partitions
        self.env = env = env | surroundings.settings(self)
        self.make_topics()
        self.workers = [
            self.start(Worker, f"worker-{number}", binary, env | surroundings.of_worker(number), ports)
            for number in range(1, surroundings.workers + 1)
        ]

    def make_topics(self) -> None:
        """Those that are missing."""
        own = {name: value for name, value in self.env.items() if not name.startswith("KAFKA_PROPERTIES")}
        make_topics(self.binary, own | {"KAFKA_BOOTSTRAP_SERVERS": self.broker.address}, self._partitions)

    def command(self, name: str, *arguments: str, settings: dict[str, str] | None = None) -> Service:
        """Starts one of the worker's commands for operators. What it says and its errors are in files of their own."""

        def described(folder: Path) -> Service:
            env = self.env | {"OPENAI_API_KEY": "operator"} | (settings or {})
            service = Service(name, folder, [str(self.binary), *arguments], env)
            service.errors = folder / f"{name}.err"
            return service

        return self.start(described)

    def tell(self, line: str) -> None:
        """Writes down what was done, and when."""
        now = self.clock.now()
        self._events.write(f"{time.strftime('%H:%M:%S', time.gmtime(now))} {now:.3f} {line}\n")
        self._events.flush()

    def close(self) -> None:
        for service in reversed(self._started):
            service.kill()
        for close in self._also:
            close()
        self._events.close()

    def start(self, kind: Callable[..., Started], *arguments: Any) -> Started:
        """A service of this kind, which ends with the run."""
        service = kind(self.folder, *arguments)
        self._started.append(service)
        service.start()
        return service
