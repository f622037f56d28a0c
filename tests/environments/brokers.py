"""Several brokers that are one cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import ElectionType, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata

from nodes import Nodes
from services import LOOK_S, Broker, Ports

KAFKA_S = 15.0


class Cluster(Nodes):
    """Nodes that are broker and controller, three replicas of everything, and two of them have to have what is written."""

    name = "kafka"

    def __init__(self, folder: Path, services: Path, ports: Ports, nodes: int = 3) -> None:
        def addresses() -> list[str]:
            return [f"127.0.0.1:{ports.free()}" for _ in range(nodes)]

        outer, inner, controllers = addresses(), addresses(), addresses()
        voters = ",".join(f"{number}@{address}" for number, address in enumerate(controllers, 1))
        self.address = ",".join(outer)
        self.nodes = []
        for number, places in enumerate(zip(outer, inner, controllers, strict=True), 1):
            listeners = ",".join(
                f"{name}://{place}" for name, place in zip(("OUT", "IN", "CONTROLLER"), places, strict=True)
            )
            other = {
                "node.id": str(number),
                "controller.quorum.voters": voters,
                "listeners": listeners,
                "advertised.listeners": listeners,
                "default.replication.factor": "3",
                "min.insync.replicas": "2",
                "offsets.topic.replication.factor": "3",
                "transaction.state.log.replication.factor": "3",
                "share.coordinator.state.topic.replication.factor": "3",
            }
            # Three of them with the rest of a run fit into little memory.
            self.nodes.append(Broker(folder, services, ports, f"kafka-{number}", "288m", places[0], other))

    def answers(self) -> bool:
        """Whether every node takes part."""
        return all(len(known.brokers) == len(self.nodes) for known in self._known())

    def is_in_sync(self) -> bool:
        """Whether every node has all that it should, as each of them sees it: one without a quorum sees what was."""
        return all(
            len(known.brokers) == len(self.nodes)
            and all(
                len(partition.isrs) == len(partition.replicas)
                for topic in known.topics.values()
                for partition in topic.partitions.values()
            )
            for known in self._known()
        )

    def _known(self) -> Iterator[ClusterMetadata]:
        """What each node knows; nothing is known of one that does not answer."""
        for node in self.nodes:
            try:
                yield AdminClient({"bootstrap.servers": node.address, "log_level": 0}).list_topics(timeout=LOOK_S)
            except KafkaException:
                yield ClusterMetadata()

    def elect_preferred(self) -> None:
        """Every partition is led by the node that should."""
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        known = admin.list_topics(timeout=KAFKA_S)
        places = [TopicPartition(name, number) for name, topic in known.topics.items() for number in topic.partitions]
        admin.elect_leaders(ElectionType.PREFERRED, places).result(KAFKA_S)
