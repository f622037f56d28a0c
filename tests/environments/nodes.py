"""Several processes that are one service."""

from __future__ import annotations

from collections.abc import Sequence

from services import Service


class Nodes:
    """They come and go together."""

    nodes: Sequence[Service]

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def check(self) -> None:
        for node in self.nodes:
            node.check()

    def tail(self, lines: int = 20) -> str:
        return "\n".join(node.tail(lines) for node in self.nodes)
