"""What happens to records: too many of one member's, topics that go, dead letters that cannot be kept or come back."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable

from faults import LOOK_S, Fault, Injected, Script, Stage
from silence import Outage
from turns import Burst
from wire import FLOWS

REPLAYED = ("LLM_UNAVAILABLE", "LLM_BAD_OUTPUT", "STORAGE_UNAVAILABLE", "INTERNAL")
"""The codes that an operator sends back; what cannot be decoded once cannot be decoded again."""
DOOMED = (8, 2)
"""Feedbacks and dialogues whose first requests fail before each replay, so that there is something to send back."""
FAIL_S, ASK_AGAIN_S, REPLAY_S = 40.0, 20.0, 90.0
"""How long they may take to fail, to be answered when they are asked for again, and the command to send them back."""
GARBAGE = 12
READ_S = 30.0
BURST_S = 180.0


class RecordFaults:
    def __init__(self, stage: Stage, injected: Injected) -> None:
        self._stage = stage
        self._stand = stage.stand
        self._injected = injected
        self._names = stage.stand.names
        self._numbers = itertools.count(1)

    def known(self) -> dict[str, Fault]:
        broker, redis = self._stand.broker, self._stand.redis
        letters: list[Hashable] = [*self._names.dead_letter_topics()]
        return {
            "hot": Fault(["hot"], self._hot, alone_s=45.0),
            "topic": Fault(["topic"], self._topic, frozenset({broker, "replay"})),
            "replay": Fault(["replay"], self._replay, frozenset({broker, redis, *letters})),
            "dead-letters": Fault(["letters"], self._dead_letters, frozenset({broker, *letters})),
        }

    def replay_all(self) -> Script:
        """What is left at the end: everything that has failed is sent back once more."""
        yield from self._send_back()
        if self._injected.replayed == 0:
            self._injected.wrong.append("no fault: nothing was ever replayed")

    def _hot(self, _: str) -> Script:
        """One member's hundreds of requests, most of them large, at once."""
        self._injected.counts["hot"] += 1
        began = self._stage.now()
        cases = self._stage.load.burst()
        self._stage.tell(f"member {cases[0].request.member} sends {len(cases)} requests at once")
        yield from self._until(lambda: all(case.outcomes for case in cases), BURST_S)
        partition = cases[0].sends[0].partition if cases[0].sends else -1
        ended = self._stage.now()
        self._injected.bursts.append(Burst(cases[0].request.member, partition, len(cases), began, ended))
        self._stage.tell(f"all of them are answered after {ended - began:.1f} s")

    def _topic(self, _: str) -> Script:
        flow = self._injected.turn("topic", FLOWS)
        topic, load = self._names.requests[flow], self._stage.load
        load.hold(topic)
        self._stage.bus.flush()
        yield from self._until(lambda: self._stage.bus.has_read(topic), READ_S)
        committed = self._stage.topics.committed(
            self._names.groups[flow], topic, range(self._stage.bus.partitions[topic])
        )
        began = self._stage.now()
        self._stage.topics.delete(topic)
        yield from self._until(lambda: not self._stage.topics.exists(topic), READ_S)
        lost = load.topic_gone(topic, committed)
        self._injected.records_lost += lost
        away = self._stage.rng.choice([0.0, self._stage.rng.uniform(1.0, 6.0), self._stage.rng.uniform(13.0, 16.0)])
        self._stage.tell(f"{topic} deleted for {away:.1f} s, {lost} records that were not committed with it")
        yield away
        self._injected.outages.append(Outage("topic", ("topics",), began, self._stage.now()))
        yield from self._make_again(topic)
        load.release(topic)
        self._stage.tell(f"{topic} is there again")

    def _dead_letters(self, _: str) -> Script:
        """A dead-letter topic is gone, or takes no record of any size."""
        mode = self._injected.turn("dead-letters", ("gone", "refuses"))
        flow = self._stage.rng.choice(FLOWS)
        letters = self._names.requests[flow] + self._names.dead_letter_suffix
        if mode == "gone":
            yield from self._until(lambda: self._stage.bus.has_read(letters), READ_S)
            began = self._stage.now()
            self._stage.topics.delete(letters)
            yield from self._until(lambda: not self._stage.topics.exists(letters), READ_S)
            self._stage.load.losses.letter_topic_gone(letters)
            garbage = self._stage.load.garbage(flow, GARBAGE)
            self._stage.tell(f"{letters} deleted, and {GARBAGE} records that nobody can read sent")
            yield self._stage.rng.uniform(13.0, 18.0)
            self._injected.outages.append(Outage("dead-letters", ("topics",), began, self._stage.now()))
            if any(case.dead_letters for case in garbage):
                self._injected.wrong.append(f"no fault: dead letters came while {letters} was deleted")
            yield from self._make_again(letters)
        else:
            limit = self._stage.topics.record_limit(letters)
            self._stage.topics.limit_records(letters, "1")
            self._stage.load.garbage(flow, GARBAGE)
            self._stage.tell(f"{letters} takes no record any more, and {GARBAGE} that nobody can read sent")
            yield self._stage.rng.uniform(6.0, 12.0)
            self._stage.topics.limit_records(letters, limit)
        self._stage.tell(f"{letters} is as before")

    def _replay(self, _: str) -> Script:
        """Requests fail and are kept; some are asked for again meanwhile; then an operator sends all back."""
        cases, marks, send = self._stage.load.doomed(*DOOMED)
        self._stand.background.spoil(marks)
        send()
        self._stage.tell(f"{sum(DOOMED)} members get nothing of use from the model")
        yield from self._until(lambda: all(case.dead_letters for case in cases), FAIL_S)
        self._stand.background.spoil(set())
        again = [case for case in cases if case.dead_letters and case.request.id is not None][: len(cases) // 2]
        for case in again:
            self._stage.load.send_again(case)
        yield from self._until(lambda: all(len(case.outcomes) >= len(case.sends) > 1 for case in again), ASK_AGAIN_S)
        yield from self._send_back()

    def _send_back(self) -> Script:
        self._injected.counts["replay"] += 1
        codes = itertools.chain.from_iterable(("--code", code) for code in REPLAYED)
        self._stage.load.replaying_since = began = self._stage.now()
        command = self._stand.command(f"replay-{next(self._numbers)}", "dlt", "replay", "--yes", *codes)
        while command.exit_code() is None and self._stage.now() - began < REPLAY_S:
            yield LOOK_S
        said = command.log.read_text(errors="replace")
        if command.exit_code() != 0:
            self._injected.wrong.append(f"dlt replay ended with {command.exit_code()}:\n{command.tail()}")
            command.kill()
        self._injected.replayed += sum(map(int, re.findall(r"^(\d+) sent$", said, re.MULTILINE)))
        counts = re.findall(r"^ *(\d+ sent|\d+  left: [a-z ]+)", said, re.MULTILINE)
        self._stage.tell(f"dlt replay: {'; '.join(' '.join(count.split()) for count in counts)}")

    def _make_again(self, topic: str) -> Script:
        self._stand.make_topics()
        yield from self._until(lambda: self._stage.topics.exists(topic), READ_S)
        self._stage.bus.begin_anew(topic)

    def _until(self, is_so: Callable[[], bool], limit_s: float) -> Script:
        deadline = self._stage.now() + limit_s
        while not is_so() and self._stage.now() < deadline:
            yield LOOK_S
