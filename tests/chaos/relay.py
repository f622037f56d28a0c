"""A TCP relay before the S3 server, which can be as if the server were off or hung."""

from __future__ import annotations

import asyncio


class Relay:
    """Lives in an asyncio loop."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._mode = "well"
        self._healed = asyncio.Event()
        self._healed.set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    def fail(self, mode: str) -> None:
        """`refuse`: every connection breaks; `hang`: no byte moves until it is healed."""
        self._mode = mode
        self._healed.clear()
        if mode == "refuse":
            for writer in list(self._connections):
                writer.transport.abort()

    def heal(self) -> None:
        self._mode = "well"
        self._healed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "refuse":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._connections |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._connections -= {writer, far_writer}
            writer.close()
            far_writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._healed.wait()
                sink.write(data)
                await sink.drain()
            sink.write_eof()
        except OSError:
            sink.transport.abort()
