"""A model server with vLLM's API that is slow, fails now and then, can be dead for a while, and keeps its books."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from payments import ANSWERED, BROKEN, CUT, HUNG, REFUSED, USELESS, Call
from streaming import Stream, pieces
from traffic import SECRET

FENCED_ANSWERS = re.compile(r"<답변>")
MARK = re.compile(rf"{SECRET} (chaos-\S+|\d+)")
"""What tells in a prompt which feedback request or dialogue it is for."""
USELESS_REPLY = "피드백:"
STALL_S = (4.0, 12.0)
"""How long a stalled call hangs before its connection breaks."""
MODEL = {"id": "/model", "object": "model", "max_model_len": 32768}
BODY_MAX = 4 << 20
FIRST_TOKEN = 0.3
"""Of the time that a streamed reply takes, so much passes before it begins."""
ENOUGH = json.dumps({"enough": True, "question": ""})
HANGING = ("hang", "engine")
"""Modes in which calls get no answer."""


@dataclass(frozen=True)
class Manners:
    """How the server behaves while nothing is wrong with it."""

    latency_s: tuple[float, float] = (0.1, 3.0)
    trouble: float = 0.02
    """Share of calls that are refused (503, 429), reset or stalled."""
    enough: float = 0.15
    """Share of second and later questions that the model finds unnecessary."""


class ModelServer:
    """Lives in an asyncio loop. `calls` may be read from elsewhere at any time."""

    def __init__(self, seed: int, manners: Manners, now: Callable[[], float], first: int = 1) -> None:
        self.spoiled: set[str] = set()
        """Marks of what it answers with nothing of use."""
        self.calls: list[Call] = []
        self.enoughs = 0
        """How often the model said that it knows enough."""
        self._rng = random.Random(seed)
        self._manners = manners
        self._now = now
        self._numbers = itertools.count(first)
        self._mode = "well"
        self._healed = asyncio.Event()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=BODY_MAX)

    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1] if self._server else 0

    def fail(self, mode: str) -> None:
        """`refuse`: every connection breaks at once; `hang`: nothing is ever said; `engine`: nothing but what is listed."""
        self._mode = mode
        self._healed.clear()
        if mode == "refuse":
            for writer in list(self._connections):
                writer.transport.abort()

    def heal(self) -> None:
        self._mode = "well"
        self._healed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while self._mode != "refuse":
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"^content-length: *(\d+)", head, re.IGNORECASE | re.MULTILINE)
                body = await reader.readexactly(int(length[1])) if length else b""
                if not await self._answer(head, body, reader, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # The caller is gone.
        finally:
            self._connections.discard(writer)
            writer.transport.abort()

    async def _answer(self, head: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        path = head.split(" ", 2)[1]
        if path.endswith("/chat/completions"):
            return await self._chat(head, json.loads(body), reader, writer)
        if self._mode == "hang":
            await self._healed.wait()
            return False
        if path.endswith("/models"):
            _reply(writer, 200, {"object": "list", "data": [MODEL]})
        else:
            _reply(writer, 404, {"detail": "Not Found"})
        await writer.drain()
        return True

    async def _chat(self, head: str, body: dict, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if 1 in (body.get("max_tokens"), body.get("max_completion_tokens")):
            return await self._probe(body, writer)
        who = re.search(r"^authorization: *Bearer (\S+)", head, re.IGNORECASE | re.MULTILINE)
        prompt = body["messages"][-1]["content"]
        kind = _kind(body)
        unit = hashlib.sha256(f"{kind}\n{prompt}".encode()).hexdigest()
        mark = found[1] if (found := MARK.search(prompt)) else ""
        call = Call(unit, kind, mark, who[1] if who else "", self._now())
        self.calls.append(call)
        try:
            stream = Stream(writer, body) if body.get("stream") else None
            call.fate, goes_on = await self._work(call, prompt, stream, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            # A connection that this server has broken was no caller's to drop.
            call.fate, goes_on = BROKEN if self._mode == "refuse" else CUT, False
        call.ended = self._now()
        return goes_on

    async def _probe(self, body: dict, writer: asyncio.StreamWriter) -> bool:
        """A sign of life is all that is asked for: it is in no books."""
        if self._mode in HANGING:
            await self._healed.wait()
            return False
        if body.get("stream"):
            stream = Stream(writer, body)
            await stream.begin()
            await stream.say("네")
            await stream.end()
        else:
            _reply(writer, 200, _completion("네"))
            await writer.drain()
        return True

    async def _work(
        self,
        call: Call,
        prompt: str,
        stream: Stream | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> tuple[str, bool]:
        if self._mode in HANGING:
            return await self._hang(reader)
        latency = self._rng.uniform(*self._manners.latency_s)
        trouble = self._rng.random() / self._manners.trouble if self._manners.trouble else 1.0
        if trouble < 0.4:
            status = 503 if trouble < 0.25 else 429
            error = {"message": "The engine is busy.", "type": "Service Unavailable", "param": None, "code": status}
            _reply(writer, status, {"error": error})
            await writer.drain()
            return REFUSED, True
        if stream is not None:
            return await self._stream(call, prompt, stream, reader, latency, trouble)
        if trouble < 1.0:
            stalls = trouble >= 0.7
            await _unless_gone(reader, self._rng.uniform(*STALL_S) if stalls else latency / 2)
            return BROKEN, False
        gone = await _unless_gone(reader, latency)
        if self._mode in HANGING:
            return await self._hang(reader)
        if self._mode != "well":
            return BROKEN, False
        if gone:
            return CUT, False
        if call.mark in self.spoiled:
            _reply(writer, 200, _completion(USELESS_REPLY))
            await writer.drain()
            return USELESS, True
        text = self._say(call.kind, prompt)
        _reply(writer, 200, _completion(text))
        await writer.drain()
        self.enoughs += text == ENOUGH
        return ANSWERED, True

    async def _stream(
        self, call: Call, prompt: str, stream: Stream, reader: asyncio.StreamReader, latency: float, trouble: float
    ) -> tuple[str, bool]:
        """The same piece by piece. What befalls a server befalls it here in the middle of a reply."""
        text = USELESS_REPLY if call.mark in self.spoiled else self._say(call.kind, prompt)
        said = list(pieces(text))
        waits = [latency * FIRST_TOKEN, *([latency * (1 - FIRST_TOKEN) / len(said)] * len(said))]
        for number, wait in enumerate(waits):
            if trouble < 1.0 and number > len(said) / 2:
                return await self._break_off(stream, reader, trouble)
            gone = await _unless_gone(reader, wait)
            if self._mode in HANGING:
                return await self._hang(reader)
            if self._mode != "well":
                return BROKEN, False
            if gone:
                return CUT, False
            await (stream.say(said[number - 1]) if number else stream.begin())
        # Its caller has all of it, whether or not it waits for the end.
        self.enoughs += text == ENOUGH
        await stream.end()
        return (USELESS if text == USELESS_REPLY else ANSWERED), True

    async def _break_off(self, stream: Stream, reader: asyncio.StreamReader, trouble: float) -> tuple[str, bool]:
        """The connection breaks at once or after a silence, or an error is told under the 200 that was sent."""
        if trouble >= 0.85:
            await stream.fail()
            return BROKEN, True
        if trouble >= 0.7:
            await _unless_gone(reader, self._rng.uniform(*STALL_S))
        return BROKEN, False

    async def _hang(self, reader: asyncio.StreamReader) -> tuple[str, bool]:
        """Says nothing until it is healed, or the caller hangs up."""
        waits = [asyncio.ensure_future(self._healed.wait()), asyncio.ensure_future(reader.read(1))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return HUNG, False

    def _say(self, kind: str, prompt: str) -> str:
        """No two replies are alike, so that it shows when one is replaced by another."""
        number = next(self._numbers)
        if kind == "feedback":
            return (
                f"{number}번째로 검토한 이 답변은 질문의 핵심을 대체로 파악하고 있습니다. "
                "다만 왜 그렇게 동작하는지에 대한 근거가 부족합니다. 직접 겪은 사례를 하나 덧붙이면 더 좋습니다."
            )
        if kind == "question":
            answered = len(FENCED_ANSWERS.findall(prompt))
            if answered and self._rng.random() < self._manners.enough:
                return ENOUGH
            question = f"프로젝트 P{number}에서 맡은 역할과 {number}번 과제의 결과는 무엇인가요?"
            return json.dumps({"enough": False, "question": question}, ensure_ascii=False)
        return (
            f"# 소개\n\n주문 시스템 {number}호를 개발한 백엔드 개발자입니다.\n\n# 프로젝트\n\n## 주문 이벤트 처리\n\n"
            "- Kafka로 주문 이벤트를 처리하는 서버를 만들었습니다.\n- 지연 시간을 줄이고 장애를 빠르게 복구했습니다.\n"
        )


def _kind(body: dict) -> str:
    """Only questions are asked for with a schema, and only who writes résumés is told so."""
    if body.get("response_format", {}).get("type") == "json_schema":
        return "question"
    return "resume" if "이력서" in body["messages"][0]["content"] else "feedback"


async def _unless_gone(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Sleeps; at once True when the caller hangs up. A caller that waits for an answer sends nothing meanwhile."""
    try:
        await asyncio.wait_for(reader.read(1), seconds)
    except TimeoutError:
        return False
    return True


def _completion(text: str) -> dict:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-chaos",
        "object": "chat.completion",
        "created": 1_763_800_000,
        "model": "/model",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    }


def _reply(writer: asyncio.StreamWriter, status: int, body: dict) -> None:
    data = json.dumps(body, ensure_ascii=False).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
