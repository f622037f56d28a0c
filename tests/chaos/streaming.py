"""A reply as vLLM streams it: server-sent events in chunks, a few characters at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

DELTAS = 16
"""Into so many pieces a reply is cut at most: real ones have more, and cost this machine more."""
ID = {"id": "chatcmpl-chaos", "object": "chat.completion.chunk", "created": 1_763_800_000, "model": "/model"}
USAGE = {"prompt_tokens": 100, "total_tokens": 150, "completion_tokens": 50}
ENGINE_ERROR = {
    "error": {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "param": None, "code": 500}
}


class Stream:
    """One reply on its way. The caller may go, and the server may break it off, between any two events."""

    def __init__(self, writer: asyncio.StreamWriter, body: dict) -> None:
        self._writer = writer
        self._with_usage = bool((body.get("stream_options") or {}).get("include_usage"))

    async def begin(self) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
        self._writer.write(head.encode())
        await self._tell(self._chunk({"role": "assistant", "content": ""}, None))

    async def say(self, piece: str) -> None:
        await self._tell(self._chunk({"content": piece}, None))

    async def end(self) -> None:
        last = [self._chunk({"content": ""}, "stop")]
        if self._with_usage:
            last.append(ID | {"choices": [], "usage": USAGE})
        for event in last:
            await self._tell(event)
        await self._done()

    async def fail(self) -> None:
        """The engine died: vLLM says so in the stream, under the 200 that it has sent already."""
        await self._tell(ENGINE_ERROR)
        await self._done()

    def _chunk(self, delta: dict, finish_reason: str | None) -> dict:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return ID | {"choices": [choice]} | ({"usage": None} if self._with_usage else {})

    async def _tell(self, event: dict) -> None:
        await self._write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())

    async def _done(self) -> None:
        await self._write(b"data: [DONE]\n\n", last=b"0\r\n\r\n")

    async def _write(self, data: bytes, last: bytes = b"") -> None:
        self._writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n" + last)
        await self._writer.drain()


def pieces(text: str) -> Iterator[str]:
    size = -(-len(text) // DELTAS)
    yield from (text[start : start + size] for start in range(0, len(text), size))
