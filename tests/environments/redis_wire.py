"""As much of Redis' protocol as an operator of a run needs."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, replace
from pathlib import Path

COMMAND_S = 5.0
Reply = str | int | None | list["Reply"]


class Refused(Exception):
    """What the server answered instead."""


@dataclass(frozen=True)
class Access:
    """How a server is asked."""

    port: int
    user: str = "default"
    password: str = ""
    ca: Path | None = None

    def as_user(self, user: str, password: str) -> Access:
        return replace(self, user=user, password=password)

    def ask(self, *words: str) -> Reply:
        """Raises [`Refused`] where the server does not do it, and an OSError where there is none."""
        return self.ask_all([words])[0]

    def ask_all(self, commands: list[tuple[str, ...]]) -> list[Reply]:
        """By one connection."""
        with socket.create_connection(("127.0.0.1", self.port), COMMAND_S) as plain:
            if self.ca is None:
                return self._ask(plain, commands)
            with ssl.create_default_context(cafile=str(self.ca)).wrap_socket(
                plain, server_hostname="127.0.0.1"
            ) as safe:
                return self._ask(safe, commands)

    def answers(self) -> bool:
        try:
            return self.ask("PING") == "PONG"
        except (OSError, Refused):
            return False

    def _ask(self, connection: socket.socket, commands: list[tuple[str, ...]]) -> list[Reply]:
        greeting = [("AUTH", self.user, self.password)] if self.password else []
        with connection.makefile("rb") as reader:
            replies = []
            for words in [*greeting, *commands]:
                connection.sendall(_encoded(words))
                replies.append(_read(reader))
        return replies[len(greeting) :]


def _encoded(words: tuple[str, ...]) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _read(reader) -> Reply:
    line = reader.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server went away")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        raise Refused(rest.decode(errors="replace"))
    if kind == b":":
        return int(rest)
    length = int(rest)
    if length < 0:
        return None
    if kind == b"*":
        return [_read(reader) for _ in range(length)]
    data = reader.read(length + 2)
    return data[:-2].decode(errors="replace")
