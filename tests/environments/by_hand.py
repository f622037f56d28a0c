"""Requests that a script writes itself, of members whom the judge does not know, and what came of them."""

from __future__ import annotations

import itertools
import json
import secrets
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from scene import Scene, Steps
from wire import ANSWER, FEEDBACK, INIT, Record, read_outcome

KAFKA_S = 10.0
ANSWER_S = 30.0
MARKED = "비밀낱말 chaos-by-hand-{}"
"""In what such a member writes, by which the model's books know whom a prompt is for."""


class ByHand:
    """Reads all outcomes and dead letters from now on."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._names = scene, scene.stand.names
        common = {"bootstrap.servers": scene.stand.broker.address, "log_level": 0}
        self._producer = Producer(common)
        self._consumer = Consumer(common | {"group.id": f"by-hand-{secrets.token_hex(4)}", "enable.auto.commit": False})
        topics = [*self._names.outcomes, *self._names.dead_letter_topics()]
        known = self._consumer.list_topics(timeout=KAFKA_S).topics
        places = [TopicPartition(topic, number) for topic in topics for number in known[topic].partitions]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=KAFKA_S)[1]
        self._consumer.assign(places)
        self._records: list[Record] = []
        self._members = itertools.count(71)

    def member(self) -> int:
        return next(self._members)

    def mark(self, member: int) -> str:
        return MARKED.format(member)

    def calls(self, member: int) -> int:
        """What was asked of the model for this member."""
        return sum(call.mark == f"chaos-by-hand-{member}" for call in self._scene.stand.background.calls())

    def paid(self) -> int:
        """What all such members' prompts cost."""
        return sum(call.mark.startswith("chaos-by-hand-") for call in self._scene.stand.background.calls())

    def init(self, member: int) -> None:
        inputs = {"email": f"{member}@example.com", "additional_experiences": self.mark(member)}
        self._send(INIT, member, {"inputs": inputs})

    def answer(self, member: int, question: str) -> None:
        self._send(
            ANSWER, member, {"inputs": {"answer": f"캐시를 맡았습니다. {self.mark(member)}"}, "questionId": question}
        )

    def feedback(self, member: int, id_: str) -> None:
        fields = {"question": "TCP와 UDP의 차이점은?", "answer": f"UDP는 순서가 없습니다. {self.mark(member)}"}
        self._send(FEEDBACK, member, fields, id_)

    def outcome(self, member: int, number: int) -> Steps[Any]:
        """The member's outcome of this number, from 0; None where it does not come."""
        came = yield from self._scene.until(
            f"member {member} gets outcome {number + 1}", lambda: len(self.outcomes(member)) > number, ANSWER_S
        )
        return self.outcomes(member)[number] if came else None

    def outcomes(self, member: int) -> list[Any]:
        return [
            read_outcome(record, self._names.outcomes[record.topic])
            for record in self._read()
            if record.topic in self._names.outcomes and record.key == str(member).encode()
        ]

    def letters(self, member: int) -> list[Record]:
        suffix, key = self._names.dead_letter_suffix, str(member).encode()
        return [record for record in self._read() if record.topic.endswith(suffix) and record.key == key]

    def close(self) -> None:
        self._consumer.close()

    def _send(self, flow: str, member: int, fields: dict[str, Any], id_: str = "") -> None:
        headers = [("ce_id", id_.encode())] if id_ else []
        value = json.dumps({"memberId": member, **fields}, ensure_ascii=False)
        self._producer.produce(self._names.requests[flow], key=str(member), value=value, headers=headers)
        self._producer.flush(KAFKA_S)

    def _read(self) -> list[Record]:
        for message in self._consumer.consume(500, 0.05):
            if message.error() is None:
                self._records.append(
                    Record(
                        message.topic(), message.partition(), message.offset(), message.timestamp()[1], message.key(),
                        message.value(), message.headers() or [], self._scene.now(),
                    )
                )  # fmt: skip
        return self._records
