"""A model server that answers every call alike after a fixed time."""

from __future__ import annotations

import asyncio
import json
import re

LENGTH = re.compile(rb"\ncontent-length: *(\d+)", re.IGNORECASE)
BACKLOG = 4096
"""Connections that may come at the same moment."""
FEEDBACK = (
    "질문의 핵심을 대체로 파악하고 있는 답변입니다. 다만 왜 그렇게 동작하는지에 대한 근거가 부족합니다. "
    "직접 겪은 사례를 하나 덧붙이면 더 좋습니다."
)


def response(status: int, body: dict) -> bytes:
    data = json.dumps(body, ensure_ascii=False).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


MODELS = response(200, {"object": "list", "data": [{"id": "/model", "object": "model", "max_model_len": 32768}]})
NOT_FOUND = response(404, {"detail": "Not Found"})
CHOICE = {"index": 0, "message": {"role": "assistant", "content": FEEDBACK}, "logprobs": None, "finish_reason": "stop"}
COMPLETION = response(
    200,
    {
        "id": "chatcmpl-steady",
        "object": "chat.completion",
        "created": 1_763_800_000,
        "model": "/model",
        "choices": [CHOICE],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    },
)


class SteadyModel:
    """Lives in an asyncio loop."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s

    async def start(self, port: int) -> None:
        await asyncio.get_running_loop().create_server(lambda: _Caller(self), "127.0.0.1", port, backlog=BACKLOG)


class _Caller(asyncio.Protocol):
    """One connection. Its caller waits for an answer before it asks again."""

    def __init__(self, model: SteadyModel) -> None:
        self._model = model
        self._loop = asyncio.get_running_loop()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not end or len(body) < (int(length[1]) if length else 0):
            return
        self._received = b""
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/chat/completions"):
            self._loop.call_later(self._model.latency_s, self._transport.write, COMPLETION)
        else:
            self._transport.write(MODELS if path.endswith(b"/models") else NOT_FOUND)
