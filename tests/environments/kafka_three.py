"""Three brokers, of which one or two go, and come back."""

from __future__ import annotations

import signal
from pathlib import Path

from brokers import Cluster
from environment import Environment
from faults import Script
from scene import Scene
from service_faults import BROKER_PARTS
from services import Broker, Ports
from silence import Outage

SYNC_S = 90.0
END_S = 60.0
FLUSHED_S = 40.0
FENCED_S = 9.0
"""After so long Kafka counts a broker that is gone as gone."""


class KafkaThree(Environment):
    name = "kafka-three"
    about = "three brokers, three replicas, two of which have to have it"

    def broker(self, folder: Path, services: Path, ports: Ports) -> Cluster:
        return Cluster(folder, services, ports)

    def settings(self, stand) -> dict[str, str]:
        # Who asks while nobody can write is answered when somebody can.
        return {"RUST_LOG": self.log, "REQUEST_DEADLINE": "120s"}

    def script(self, scene: Scene) -> Script:
        cluster: Cluster = scene.stand.broker
        first, second, third = cluster.nodes
        yield 2.0 if self.short else 10.0
        away_s = FENCED_S + 3.0
        with scene.event(f"kill -9 of one, back {away_s:.0f} s later", moves=True):
            first.kill()
            yield away_s
            yield from self._back(scene, first)
            yield from scene.all_ready()
            yield from scene.caught_up()
        away_s = 14.0 if self.short else 25.0
        with scene.event(f"kill -9 of two for {away_s:.0f} s, no quorum; back one by one", moves=True):
            began = scene.now()
            second.kill()
            third.kill()
            yield away_s
            scene.injected.outages.append(Outage("two of three brokers are away", BROKER_PARTS, began, scene.now()))
            second.start()
            yield 3.0
            yield from self._back(scene, third)
            yield from scene.all_ready()
            yield from scene.caught_up()
        if not self.short:
            with scene.event("rolling restart, each in sync before the next", moves=True):
                for node in cluster.nodes:
                    yield from self._restart(scene, node)
                yield from scene.all_ready()
                yield from scene.caught_up()
        rounds = 1 if self.short else 3
        times = f", {rounds} times" if rounds > 1 else ""
        with scene.event(f"SIGTERM of one, back, preferred election{times}", moves=True):
            for node in cluster.nodes[:rounds]:
                yield from self._restart(scene, node)
                cluster.elect_preferred()
                yield 2.0
            yield from scene.all_ready()
            yield from scene.caught_up()

    def _restart(self, scene: Scene, node: Broker) -> Script:
        node.signal(signal.SIGTERM)
        yield from scene.until(f"{node.name} ends", lambda: node.exit_code() is not None, END_S)
        node.kill()
        yield from self._back(scene, node)

    def _back(self, scene: Scene, node: Broker) -> Script:
        node.start()
        yield from scene.until(f"after {node.name} all is in sync", scene.stand.broker.is_in_sync, SYNC_S)
        # A client that saw a broker fenced may never find it again (librdkafka issue 5301); what it holds goes with it.
        yield from scene.until("what members asked for is with the brokers", scene.bus.flush, FLUSHED_S)
        scene.bus.renew()
