"""Checks of what streams and what is told meanwhile, as those in checks.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

from faults import Injected
from model import ENOUGH, Manners, ModelServer
from payments import ANSWERED, BROKEN, CUT, HUNG, REFUSED, USELESS, Disruption
from progress import crossings
from silence import Outage
from traffic import SECRET
from wire import Sent

ENDED = "[DONE]"
WHOLE_S = 0.4
"""How long a whole reply takes here."""


class Caller:
    """Asks for a streamed reply and reads its events, as many as it wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def ask(cls, server: ModelServer, text: str, **more: object) -> Caller:
        caller = cls(*await asyncio.open_connection("127.0.0.1", server.port()))
        messages = [{"role": "system", "content": "면접관"}, {"role": "user", "content": text}]
        usage = {"stream": True, "stream_options": {"include_usage": True}}
        body = json.dumps({"messages": messages} | usage | more).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer w.1\r\ncontent-length: {len(body)}\r\n\r\n"
        caller._writer.write(head.encode() + body)
        await caller._reader.readuntil(b"\r\n\r\n")
        return caller

    async def event(self) -> str | None:
        """The data of the next event; None when the connection has ended."""
        try:
            size = int((await self._reader.readuntil(b"\r\n")).decode(), 16)
            chunk = (await self._reader.readexactly(size + 2)).decode()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            return None
        return chunk.strip().removeprefix("data: ") if size else None

    async def rest(self) -> list[str]:
        events = []
        while (event := await self.event()) is not None:
            events.append(event)
            if event == ENDED:
                break
        return events

    def hang_up(self) -> None:
        self._writer.close()


Talk = Callable[[ModelServer], Awaitable[bool]]


def _talk(talk: Talk, trouble: float = 0.0) -> bool:
    async def whole() -> bool:
        manners = Manners(latency_s=(WHOLE_S, WHOLE_S), trouble=trouble, enough=1.0)
        server = ModelServer(1, manners, lambda: 0.0)
        await server.start(0)
        async with asyncio.timeout(30):
            is_right = await talk(server)
            server.fail("refuse")
            while server._connections:
                await asyncio.sleep(0.01)
        return is_right

    return asyncio.run(whole())


async def _fate(server: ModelServer) -> str:
    while not server.calls or server.calls[-1].ended is None:
        await asyncio.sleep(0.01)
    return server.calls[-1].fate


def _texts(events: list[str]) -> list[str]:
    choices = [choice for event in events if event != ENDED for choice in json.loads(event).get("choices", [])]
    return [choice["delta"]["content"] for choice in choices if choice["delta"].get("content")]


def a_reply_is_streamed_piece_by_piece_as_vllm_does() -> bool:
    async def talk(server: ModelServer) -> bool:
        events = await (await Caller.ask(server, "하나")).rest()
        chunks = [json.loads(event) for event in events[:-1]]
        usage, last = chunks[-1], chunks[-2]
        return (
            events[-1] == ENDED and chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
            and usage["choices"] == [] and usage["usage"]["completion_tokens"] == 50
            and last["choices"][0]["finish_reason"] == "stop" and last["usage"] is None
            and len(_texts(events)) > 10 and "".join(_texts(events)).endswith("더 좋습니다.")
            and await _fate(server) == ANSWERED
        )  # fmt: skip

    return _talk(talk)


def without_being_asked_for_it_no_usage_is_told() -> bool:
    async def talk(server: ModelServer) -> bool:
        events = await (await Caller.ask(server, "하나", stream_options=None)).rest()
        return not any("usage" in event for event in events)

    return _talk(talk)


def a_stream_that_its_caller_drops_is_paid_and_says_nothing_of_enough() -> bool:
    async def talk(server: ModelServer) -> bool:
        asked = {"response_format": {"type": "json_schema"}}
        whole = await (await Caller.ask(server, "<답변>", **asked)).rest()
        counted = (await _fate(server), server.enoughs, "".join(_texts(whole)))
        dropped = await Caller.ask(server, "<답변>", **asked)
        await dropped.event()
        await dropped.event()
        dropped.hang_up()
        while len(server.calls) < 2:
            await asyncio.sleep(0.01)
        return counted == (ANSWERED, 1, ENOUGH) and await _fate(server) == CUT and server.enoughs == 1

    return _talk(talk)


def a_server_that_hangs_or_refuses_in_the_middle_was_not_paid() -> bool:
    async def talk(server: ModelServer) -> bool:
        fates = []
        for mode in ("hang", "engine", "refuse"):
            caller = await Caller.ask(server, "하나")
            await caller.event()
            server.fail(mode)
            if mode != "refuse":
                await asyncio.sleep(WHOLE_S)
                server.heal()
            rest = await caller.rest()
            fates.append((await _fate(server), ENDED in rest))
            server.heal()
        return fates == [(HUNG, False), (HUNG, False), (BROKEN, False)]

    return _talk(talk)


def what_a_troubled_server_breaks_off_in_the_middle_is_not_paid() -> bool:
    async def talk(server: ModelServer) -> bool:
        found = []
        for luck in (0.1, 0.5, 0.75, 0.9):
            server._rng = SimpleNamespace(random=lambda luck=luck: luck, uniform=lambda *_: WHOLE_S)
            caller = await Caller.ask(server, "하나")
            events = await caller.rest() if luck > 0.4 else []
            was_told = any("error" in json.loads(event) for event in events if event != ENDED)
            found.append((await _fate(server), was_told, len(_texts(events)) > 5))
            caller.hang_up()
        broken = (BROKEN, False, True)
        return found == [(REFUSED, False, False), broken, broken, (BROKEN, True, True)]

    return _talk(talk, trouble=1.0)


def a_spoilt_reply_is_streamed_and_is_of_no_use() -> bool:
    async def talk(server: ModelServer) -> bool:
        server.spoiled = {"chaos-1"}
        events = await (await Caller.ask(server, f"{SECRET} chaos-1")).rest()
        return "".join(_texts(events)) == "피드백:" and await _fate(server) == USELESS

    return _talk(talk)


def what_two_workers_tell_may_cross_only_where_one_was_struck() -> bool:
    def case(at: float, arrived: float) -> SimpleNamespace:
        sent = Sent("FeedbackRequested", 0, 0, 0, "CreateTime", at)
        return SimpleNamespace(sends=[sent], outcomes=[SimpleNamespace(record=SimpleNamespace(arrived=arrived))])

    killed = Injected(disruptions=[Disruption("kill", "worker-1.1", 100.0, 100.0, 1)])
    redis = Injected(outages=[Outage("redis", (), 100.0, 101.0)])
    model = Injected(outages=[Outage("model", (), 100.0, 101.0)])
    return [
        crossings(injected, stalls)(case(*span))
        for injected, stalls, span in (
            (killed, [], (99.0, 102.0)), (killed, [], (120.0, 121.0)), (killed, [], (170.0, 171.0)),
            (killed, [], (90.0, 95.0)), (redis, [], (99.0, 102.0)), (model, [], (99.0, 102.0)),
            (Injected(), [(100.0, 102.0)], (99.0, 101.0)), (Injected(), [], (99.0, 102.0)),
        )
    ] == [True, True, False, False, True, False, True, False]  # fmt: skip


PROGRESS_CHECKS = [
    a_reply_is_streamed_piece_by_piece_as_vllm_does,
    without_being_asked_for_it_no_usage_is_told,
    a_stream_that_its_caller_drops_is_paid_and_says_nothing_of_enough,
    a_server_that_hangs_or_refuses_in_the_middle_was_not_paid,
    what_a_troubled_server_breaks_off_in_the_middle_is_not_paid,
    a_spoilt_reply_is_streamed_and_is_of_no_use,
    what_two_workers_tell_may_cross_only_where_one_was_struck,
]
