#!/usr/bin/env python3
"""What one attacker can take of a gateway, and what an honest caller notices: the table of docs/measured.md.

    tests/bench/attackers.py target/release/ssammu-worker [--seconds 15]

It starts `dev` (worker, broker, model and gateway in one process) and attacks its gateway from this machine. Everything on
loopback counts as a server that asks for many, so these are the attacks that no share of one client stops, unless a row says
that the attacker is one client by what a proxy tells of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ONE_CLIENT = "X-Forwarded-For: 198.51.100.66\r\n"
BODY = json.dumps({"memberId": 1, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."}).encode()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Attack:
    """So many connections that say something and then nothing; one that is closed is opened again."""

    def __init__(self, port: int, connections: int, words: str, window: int | None = None) -> None:
        self.port, self.connections, self.words, self.window = port, connections, words.encode(), window
        self.open = self.opened = self.most = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(self.one())

    async def one(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with socket.socket() as stream:
                stream.setblocking(False)
                if self.window:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window)
                try:
                    await loop.sock_connect(stream, ("127.0.0.1", self.port))
                    self.open, self.opened = self.open + 1, self.opened + 1
                    self.most = max(self.most, self.open)
                    try:
                        await loop.sock_sendall(stream, self.words)
                        # Who shuts its window reads nothing and hears of the end by an error when it writes.
                        while self.window or await loop.sock_recv(stream, 4096):
                            if self.window:
                                await asyncio.sleep(5)
                                await loop.sock_sendall(stream, b"\r\n")
                    finally:
                        self.open -= 1
                except OSError:
                    await asyncio.sleep(0.05)


async def ask(port: int, request: bytes) -> tuple[int, float]:
    """Status, 0 where there was none, and the milliseconds that it took, on a connection of its own."""
    began = time.perf_counter()
    status = 0
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answer = await reader.read()
            status = int(answer.split(b" ", 2)[1]) if answer else 0
            writer.close()
    except (OSError, TimeoutError, IndexError):
        pass
    return status, (time.perf_counter() - began) * 1000


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def feedback() -> bytes:
    head = (
        f"POST /feedback/create HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )
    return head.encode() + BODY


async def honest(port: int, seconds: float) -> dict[str, list[tuple[int, float]]]:
    """An honest caller that asks one thing after the other."""
    told: dict[str, list[tuple[int, float]]] = {"live": [], "feedback": []}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told["live"].append(await ask(port, get("/livez")))
        told["feedback"].append(await ask(port, feedback()))
        await asyncio.sleep(0.02)
    return told


def memory(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


async def row(name: str, process: subprocess.Popen[bytes], port: int, attack: Attack | None, seconds: float) -> None:
    attacking = asyncio.create_task(attack.run()) if attack else None
    most = 0.0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, memory(process))
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(3)
    told = await honest(port, seconds)
    for task in (attacking, watching):
        if task:
            task.cancel()
    await asyncio.gather(*(task for task in (attacking, watching) if task), return_exceptions=True)
    cells = [name, f"{attack.most:,}" if attack else "0"]
    for kind in ("live", "feedback"):
        times = sorted(took for _, took in told[kind])
        failed = sum(1 for status, _ in told[kind] if status != 200)
        cells += [f"{statistics.median(times):.1f}", f"{times[int(len(times) * 0.99)]:.1f}", f"{failed}/{len(times)}"]
    print("| " + " | ".join([*cells, f"{most:.0f}"]) + " |", flush=True)


async def measure(binary: str, seconds: float) -> None:
    port, health = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = open(Path(folder) / "log", "wb")  # noqa: SIM115
        arguments = ["--gateway-addr", f"127.0.0.1:{port}", "--http-addr", f"127.0.0.1:{health}", "--documents", folder]
        process = subprocess.Popen([binary, "dev", *arguments], stdout=log, stderr=log)
        try:
            while (await ask(port, get("/readyz")))[0] != 200:
                await asyncio.sleep(0.2)
            print("| attack | connections | /livez p50 ms | p99 | failed | feedback p50 ms | p99 | failed | MiB |")
            print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
            head = "POST /feedback/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            subscribe = "GET /api/v1/sse/subscribe?memberId={} HTTP/1.1\r\nHost: localhost\r\n"
            attacks: list[tuple[str, Callable[[], Attack | None]]] = [
                ("nobody", lambda: None),
                ("idle", lambda: Attack(port, 10_000, "")),
                ("half a head", lambda: Attack(port, 10_000, "GET / HTTP/1.1\r\nX-A: ")),
                ("bodies that do not come", lambda: Attack(port, 2_000, head + "Content-Length: 100\r\n\r\n{")),
                (
                    "the same, one client",
                    lambda: Attack(port, 2_000, head + ONE_CLIENT + "Content-Length: 100\r\n\r\n{"),
                ),
                ("streams that nobody reads", lambda: Attack(port, 4_000, subscribe.format(2) + "\r\n", window=2048)),
                (
                    "the same, one client",
                    lambda: Attack(port, 4_000, subscribe.format(2) + ONE_CLIENT + "\r\n", window=2048),
                ),
            ]
            for name, attack in attacks:
                await row(name, process, port, attack(), seconds)
        finally:
            process.terminate()
            process.wait()
            log.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=15)
    asked = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(measure(asked.binary, asked.seconds))


if __name__ == "__main__":
    sys.exit(main())
