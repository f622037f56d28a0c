"""Kafka for the run: what the outsider has of it, and what faults do to topics."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from outsider import Clock, Kafka
from wire import Names, Record

FLUSH_S = 10.0
KAFKA_S = 15.0


class Bus(Kafka):
    """Kafka as the outsider knows it, but it can be opened anew without missing or repeating a record."""

    def __init__(self, bootstrap: str, names: Names, clock: Clock) -> None:
        self.troubles = 0
        self._positions: dict[tuple[str, int], int] = {}
        # Every second of an outage would be told many times.
        super().__init__(bootstrap, names, clock, log_level=0)

    def listen(self, topics: list[str]) -> None:
        """Reads these topics from their very beginning."""
        self._positions = {place: 0 for topic in topics for place in self._places(topic)}
        self._assign()

    def receive(self) -> list[Record]:
        records = super().receive()
        for record in records:
            self._positions[record.topic, record.partition] = record.offset + 1
        return records

    def wait(self, seconds: float) -> None:
        """Keeps the producer served for a while; what arrives stays for later."""
        self._producer.poll(seconds)

    def flush(self) -> bool:
        """Whether the broker has everything that was sent."""
        return self._producer.flush(FLUSH_S) == 0

    def renew(self) -> None:
        """Opens both clients anew: one that saw the broker fenced may never find it again (librdkafka issue 5301)."""
        self._producer.flush(FLUSH_S)
        self._producer = self._open_producer()
        self._consumer.close()
        self._consumer = self._open_consumer()
        self._assign()

    def has_read(self, topic: str) -> bool:
        """Whether everything that the topic holds has been received."""
        for place in self._places(topic):
            _, end = self._consumer.get_watermark_offsets(TopicPartition(*place), KAFKA_S)
            if self._positions[place] < end:
                return False
        return True

    def begin_anew(self, topic: str) -> None:
        """The topic was made again: it is read from its beginning."""
        self._positions |= dict.fromkeys(self._places(topic), 0)
        self.renew()

    def _places(self, topic: str) -> list[tuple[str, int]]:
        return [(topic, number) for number in range(self.partitions[topic])]

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._positions.items()])

    def _trouble(self, error: str) -> None:
        self.troubles += 1


class Topics:
    """What an operator may do to topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def exists(self, topic: str) -> bool:
        try:
            known = self._admin.list_topics(timeout=KAFKA_S).topics
        except KafkaException:
            return True
        return topic in known

    def delete(self, topic: str) -> None:
        self._admin.delete_topics([topic], request_timeout=KAFKA_S)[topic].result()

    def record_limit(self, topic: str) -> str:
        """Its `max.message.bytes`."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        return str(self._admin.describe_configs([resource])[resource].result(KAFKA_S)["max.message.bytes"].value)

    def limit_records(self, topic: str, max_bytes: str) -> None:
        entry = ConfigEntry("max.message.bytes", max_bytes, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self._admin.incremental_alter_configs([resource])[resource].result(KAFKA_S)

    def committed(self, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The group's position in each partition; 0 where it has none."""
        asking = Consumer({"bootstrap.servers": self._bootstrap, "group.id": group, "log_level": 0})
        try:
            places = asking.committed([TopicPartition(topic, number) for number in partitions], timeout=KAFKA_S)
            return {place.partition: max(place.offset, 0) for place in places}
        finally:
            asking.close()
