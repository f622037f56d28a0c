"""Both protocols of consumer groups, from one to the other while all goes on, and members with names of their own."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka.admin import AdminClient

from environment import Environment
from faults import Script
from scene import Scene
from services import Broker, Ports
from stand import Stand
from workers import Worker

SESSION_S, SHORT_SESSION_S = 10.0, 6.0
"""The broker's, of groups of the new protocol; its own default is 45 s."""
KAFKA_S = 15.0
GROUPS = 2
"""Of which a worker is a member, and warns once each."""
SAME_NAME = "same group.instance.id"
CLASSIC, CONSUMER = "classic", "consumer"


def member(protocol: str, name: str = "") -> dict[str, str]:
    """A member's properties; nothing of it stays from what it was before."""
    properties = ["group.protocol=consumer"] if protocol == CONSUMER else []
    properties += [f"group.instance.id={name}"] if name else []
    return {"KAFKA_PROPERTIES": ",".join(properties)}


class KafkaGroups(Environment):
    name = "kafka-groups"
    about = "both group protocols, changed online, and static members"

    @property
    def session_s(self) -> float:
        return SHORT_SESSION_S if self.short else SESSION_S

    def broker(self, folder: Path, services: Path, ports: Ports) -> Broker:
        milliseconds = str(int(self.session_s * 1000))
        other = {
            "group.consumer.min.session.timeout.ms": milliseconds,
            "group.consumer.session.timeout.ms": milliseconds,
            "group.consumer.min.heartbeat.interval.ms": "1000",
            "group.consumer.heartbeat.interval.ms": "1000",
        }
        return Broker(folder, services, ports, other=other)

    def settings(self, stand: Stand) -> dict[str, str]:
        return {"RUST_LOG": self.log, "REQUEST_DEADLINE": "120s"}

    def script(self, scene: Scene) -> Script:
        yield 2.0 if self.short else 10.0
        with scene.event("classic to consumer, one worker after the other", moves=True):
            yield from self._upgrade(scene)
            yield from self._of_protocol(scene, CONSUMER)
        with scene.event("consumer: kill -9 of one, and back", moves=True):
            yield from self._kill(scene, scene.worker(1), CONSUMER)
        with scene.event("consumer to classic by a rolling restart", moves=True):
            yield from scene.roll(lambda _: member(CLASSIC))
            yield from self._of_protocol(scene, CLASSIC)
        # That of the classic ones is as before, and tests/e2e has it.
        for protocol in (CONSUMER,) if self.short else (CLASSIC, CONSUMER):
            with scene.event(f"{protocol}, static members: from now on", moves=True):
                if protocol == CONSUMER:
                    yield from self._upgrade(scene, static=True)
                else:
                    yield from scene.roll(lambda number: member(CLASSIC, f"{CLASSIC}-{number}"))
                yield from self._of_protocol(scene, protocol)
            with scene.event(f"{protocol}, static: kill -9 of one, and back", moves=True):
                yield from self._kill(scene, scene.worker(1), protocol)
            if not self.short:
                with scene.event(f"{protocol}, static: rolling restart", moves=True):
                    yield from scene.roll()
            with scene.event(f"{protocol}: two live workers with one name", moves=True):
                yield from self._one_name(scene, protocol)

    def _upgrade(self, scene: Scene, static: bool = False) -> Script:
        """A broker takes no member of the new protocol into a group whose classic members carry something with their
        assignment, as librdkafka's cooperative ones do from the second rebalance on: the first new one may have to wait
        until the last classic one is gone, who works meanwhile."""
        for number, worker in enumerate(scene.stand.workers, 1):
            yield from scene.stop(worker)
            worker.set(member(CONSUMER, f"{CONSUMER}-{number}" if static else ""))
            worker.start()
            yield SESSION_S / 2
        yield from scene.all_ready()

    def _kill(self, scene: Scene, worker: Worker, protocol: str) -> Script:
        """Whoever is back may have to wait until the broker has given up the one that was killed; it never ends for it."""
        if protocol == CLASSIC:
            yield from self._all_are_read(scene)
        worker.kill()
        worker.start()
        yield from scene.ready(worker, self.session_s + 20.0)
        yield from scene.feedback()
        if protocol == CLASSIC:
            yield from self._all_are_read(scene)

    def _one_name(self, scene: Scene, protocol: str) -> Script:
        """One is the member, the other stands by, says so, and takes over when the name is free; nobody ends."""
        first, second = scene.stand.workers
        sizes = {worker.name: len(worker.log.read_text(errors="replace")) for worker in scene.stand.workers}
        yield from scene.stop(second)
        second.set(member(protocol, f"{protocol}-1"))
        second.start()
        lives = [worker.life for worker in scene.stand.workers]
        yield from scene.until("one of the two stands by", lambda: bool(self._standing_by(scene)), 40.0)
        for _ in range(2 if self.short else 6):
            yield from scene.feedback()
        standing = self._standing_by(scene)
        still = [worker.life for worker in scene.stand.workers if worker.exit_code() is None]
        scene.expect(still == lives, f"of {lives} only {still} still live")
        for worker in standing:
            log = worker.log.read_text(errors="replace")[sizes[worker.name] :]
            warned = [
                line for line in log.splitlines() if " WARN " in line and "::intake" in line and SAME_NAME in line
            ]
            scene.expect(0 < len(warned) <= GROUPS, f"{worker.name} warns of its name {len(warned)} times")
        other, left = (first, second) if second in standing else (second, first)
        yield from scene.stop(other)
        yield from scene.ready(left, self.session_s + 30.0)
        other.set(member(protocol, f"{protocol}-2"))
        other.start()
        yield from scene.all_ready(self.session_s + 30.0)

    def _standing_by(self, scene: Scene) -> list[Worker]:
        return [worker for worker in scene.stand.workers if SAME_NAME in scene.reasons(worker)]

    def _all_are_read(self, scene: Scene) -> Script:
        """Each partition has a member. A static one that is killed between the halves of a cooperative rebalance is given
        what it was to keep, and what it was to give up is nobody's until the next one: docs/environments.md tells of it."""
        names, partitions = scene.stand.names, scene.bus.partitions
        wanted = {(topic, number) for topic in names.requests.values() for number in range(partitions[topic])}
        admin = AdminClient({"bootstrap.servers": scene.stand.broker.address, "log_level": 0})
        groups = list(dict.fromkeys(names.groups.values()))

        def are_all() -> bool:
            told = [described.result(KAFKA_S) for described in admin.describe_consumer_groups(groups).values()]
            members = [member for group in told for member in group.members if member.assignment is not None]
            had = {(one.topic, one.partition) for member in members for one in member.assignment.topic_partitions}
            return had == wanted

        yield from scene.until("each partition has a member", are_all, 30.0)

    def _of_protocol(self, scene: Scene, protocol: str) -> Script:
        groups = list(dict.fromkeys(scene.stand.names.groups.values()))
        admin = AdminClient({"bootstrap.servers": scene.stand.broker.address, "log_level": 0})

        def are_all() -> bool:
            listed = admin.list_consumer_groups(request_timeout=KAFKA_S).result().valid
            types = {group.group_id: group.type.name.lower() for group in listed}
            return all(types.get(group) == protocol for group in groups)

        yield from scene.until(f"the groups are of the {protocol} protocol", are_all, 20.0)
        yield from scene.all_ready()
