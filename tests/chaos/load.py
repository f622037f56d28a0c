"""The members: feedback requests and résumé dialogues at a steady rate, whatever becomes of the answers."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

from confluent_kafka import TopicPartition

from browser import Browser, Visit
from judge import Case, Judge
from outsider import Clock, Kafka, Trial
from traffic import SECRET, Writer, feedback_traffic
from wire import FEEDBACK, Names, Outcome, Record, Request, Sent

TAG = "chaos-request"
"""A header that tells which request a record of a request topic is."""
FEEDBACK_SHARE = 0.7
"""Share of the rate that is feedback; a dialogue is about `DIALOGUE_REQUESTS` requests."""
DIALOGUE_REQUESTS = 4.5
UNDECODABLE_SHARE = 0.01
SECOND_CLICK_S = (0.0, 20.0)
"""How long after a feedback request the same one may come again."""
FLUSH_S = 10.0


class Bus(Kafka):
    """Kafka as the outsider knows it, but it can be opened anew without missing or repeating a record."""

    def __init__(self, bootstrap: str, names: Names, clock: Clock) -> None:
        self.troubles = 0
        self._positions: dict[tuple[str, int], int] = {}
        # Every second of an outage would be told many times.
        super().__init__(bootstrap, names, clock, log_level=0)

    def listen(self, topics: list[str]) -> None:
        """Reads these topics from their very beginning."""
        self._positions = {(topic, number): 0 for topic in topics for number in range(self.partitions[topic])}
        self._assign()

    def receive(self) -> list[Record]:
        records = super().receive()
        for record in records:
            self._positions[record.topic, record.partition] = record.offset + 1
        return records

    def wait(self, seconds: float) -> None:
        """Keeps the producer served for a while; what arrives stays for later."""
        self._producer.poll(seconds)

    def renew(self) -> None:
        """Opens both clients anew: one that saw the broker fenced may never find it again (librdkafka issue 5301)."""
        self._producer.flush(FLUSH_S)
        self._producer = self._open_producer()
        self._consumer.close()
        self._consumer = self._open_consumer()
        self._assign()

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._positions.items()])

    def _trouble(self, error: str) -> None:
        self.troubles += 1


class ChaosWriter(Writer):
    """Gives each dialogue inputs of its own, so that no two prompts of a run are alike."""

    def inputs(self, member: int) -> dict:
        return super().inputs(member) | {"additional_experiences": f"오픈소스 기여 {SECRET} {self._run}"}


class Load(Trial):
    """Sends on time, open loop. What a request topic holds counts as sent, whatever the producer was told."""

    def __init__(self, bus: Bus, judge: Judge, store: object, clock: Clock, seed: int, members: range) -> None:
        super().__init__(bus, judge, store, clock)
        self.put_off = 0
        """Dialogues that did not begin, since every member was in one."""
        self.lives: list[tuple[int, float, float | None]] = []
        """Member, begin and end of each dialogue."""
        self._rng = random.Random(f"{seed}/load")
        self._members = members
        self._free = list(members)
        self._plan: list[tuple[float, int, Request | None]] = []
        self._second_clicks: list[tuple[float, int, Case]] = []
        self._numbers = itertools.count()
        self._tagged: dict[bytes, Case] = {}
        self._request_topics = set(judge.names.requests.values())
        self._documents: dict[str, tuple[int, Outcome]] = {}
        self._run = f"chaos-{members.start:x}"

    def plan(self, start: float, seconds: float, rate: float) -> None:
        """Spreads the requests over the time; `rate` is in requests a second, dialogues included."""
        writer = ChaosWriter(random.Random(self._rng.random()), f"{self._run}-f")
        feedbacks = feedback_traffic(writer, list(self._members), int(seconds * rate * FEEDBACK_SHARE))
        requests: list[Request | None] = list(feedbacks)
        for number in range(int(len(feedbacks) * UNDECODABLE_SHARE)):
            requests.append(writer.undecodable(self._rng.choice(self._members), number))
        # None stands for a dialogue.
        requests += [None] * int(seconds * rate * (1 - FEEDBACK_SHARE) / DIALOGUE_REQUESTS)
        uniform = self._rng.uniform
        self._plan = [(start + uniform(0, seconds), number, request) for number, request in enumerate(requests)]
        heapq.heapify(self._plan)

    def go_on(self, now: float) -> None:
        super().go_on(now)
        while self._plan and self._plan[0][0] <= now:
            _, number, request = heapq.heappop(self._plan)
            if request is not None:
                self.send(request)
            else:
                self._begin_dialogue(number, now)
        while self._second_clicks and self._second_clicks[0][0] <= now:
            at, _, case = heapq.heappop(self._second_clicks)
            self._put(case, at)

    def is_planned(self) -> bool:
        return bool(self._plan)

    def waiting(self) -> int:
        """Requests that Kafka has and that are not done with, and members who are about to send one."""
        open_cases = sum(not _is_done(case) for case in self._judge.cases if case.sends)
        waiting_visits = sum(any(case.sends for case in cases) for cases in self._bursts.values())
        return open_cases + waiting_visits + len(self._due) + len(self._second_clicks)

    def drop_unsent(self) -> int:
        """Forgets what Kafka never got (its client was lost with it): it is no request. Returns how many those were."""
        cases = self._judge.cases
        unsent = [case for case in cases if not case.sends]
        self._judge.cases = [case for case in cases if case.sends]
        for case in self._judge.cases:
            case.request = replace(case.request, clicks=min(case.request.clicks, len(case.sends)))
        return len(unsent)

    def fetch_documents(self) -> None:
        for member, completed in self._documents.values():
            super()._fetch(member, completed)

    def _begin_dialogue(self, number: int, now: float) -> None:
        if not self._free:
            self.put_off += 1
            return
        member = self._free.pop(self._rng.randrange(len(self._free)))
        writer = ChaosWriter(random.Random(self._rng.random()), f"{self._run}-d{number}")
        self.begin(self._whole(member, Browser(writer, member).dialogue(), now))

    def _whole(self, member: int, visit: Visit, began: float) -> Visit:
        place = len(self.lives)
        self.lives.append((member, began, None))
        yield from visit
        self.lives[place] = (member, began, self._clock.now())
        self._free.append(member)

    def _send(self, case: Case, at: float) -> None:
        tag = str(next(self._numbers)).encode()
        case.request = replace(case.request, headers=[*case.request.headers, (TAG, tag)])
        self._tagged[tag] = case
        self._put(case, at)
        for click in range(1, case.request.clicks):
            later = self._rng.uniform(*SECOND_CLICK_S) if case.request.flow == FEEDBACK else 0.0
            heapq.heappush(self._second_clicks, (at + later, id(case) + click, case))

    def _put(self, case: Case, at: float) -> None:
        self._kafka.send(case.request, self._judge.names.requests[case.request.flow], at, lambda sent: None)

    def _take(self, record: Record) -> None:
        if record.topic not in self._request_topics:
            super()._take(record)
            return
        case = self._tagged.get(record.last_header(TAG) or b"")
        if case is None:
            return
        at = (record.timestamp + case.request.age_ms) / 1000
        sent = Sent(record.topic, record.partition, record.offset, record.timestamp, "CreateTime", at)
        for outcome in self._judge.sent(case, sent):
            self._answered(case, outcome)

    def _fetch(self, member: int, completed: Outcome) -> None:
        """Only at the end: while the storage is off, a document is not missing but out of reach."""
        self._documents[str(completed.body.get("resumeObjectKey"))] = (member, completed)


def _is_done(case: Case) -> bool:
    if len(case.dead_letters) < len(case.dead_letter_codes()):
        return False
    return case.request.is_undecodable or len(case.outcomes) >= len(case.sends)


def cases_of(judge: Judge) -> Iterator[Case]:
    """Requests that may have an outcome."""
    return (case for case in judge.cases if not case.request.is_undecodable)
