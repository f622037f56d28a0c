"""Three primaries, each with a replica: slots move, a primary goes, a replica takes over."""

from __future__ import annotations

from pathlib import Path

from environment import Environment
from failovers import excuse_of_loss, lossy
from faults import Script
from redis_nodes import Node, RedisCluster
from scene import Scene
from services import Ports

SERVED_S = 30.0
WHOLE_S = 60.0
MOVED_S = 120.0


class RedisClusterEnvironment(Environment):
    name = "redis-cluster"
    about = "Redis Cluster, three primaries with a replica each and a password"
    _scene: Scene | None = None

    def redis(self, folder: Path, ports: Ports) -> RedisCluster:
        return RedisCluster(folder, ports)

    def settings(self, stand) -> dict[str, str]:
        return {"RUST_LOG": self.log, "REDIS_URL": stand.redis.url()}

    def script(self, scene: Scene) -> Script:
        self._scene = scene
        cluster: RedisCluster = scene.stand.redis
        slots = 400 if self.short else 1_500
        yield 2.0 if self.short else 8.0
        first, second, *_ = cluster.primaries()
        with scene.event(f"{slots:,} slots move from one primary to another"):
            yield from self._move(scene, cluster, first, second, slots)
        with lossy(scene, "kill -9 of a primary, back once its replica has taken over") as failover:
            heir = cluster.replica_of(second)
            second.kill()
            yield from scene.until("its replica has taken over", lambda: heir.info("role") == "master", SERVED_S)
            yield from scene.until("all slots are served", cluster.is_served, SERVED_S)
            yield from scene.all_ready()
            failover.over_at = scene.now()
            second.start()
            yield from scene.until("the cluster is whole", cluster.is_whole, WHOLE_S)
            yield from scene.all_ready()
        with scene.event("CLUSTER FAILOVER: it has its slots back, and nothing is lost"):
            yield from scene.until("it follows", lambda: second.info("master_link_status") == "up", SERVED_S)
            second.ask("CLUSTER", "FAILOVER")
            yield from scene.until("it is the primary again", lambda: second.info("role") == "master", SERVED_S)
            yield from scene.until("the cluster is whole", cluster.is_whole, WHOLE_S)
            yield from scene.all_ready()
        if not self.short:
            with scene.event(f"{slots:,} slots move back"):
                yield from self._move(scene, cluster, second, first, slots)
        yield 3.0

    def excuse(self, violation: str) -> str | None:
        return excuse_of_loss(self._scene, violation)

    def _move(self, scene: Scene, cluster: RedisCluster, source: Node, target: Node, slots: int) -> Script:
        moving = scene.stand.start(lambda folder: cluster.reshard(folder, source, target, slots))
        yield from scene.until(f"{slots} slots have moved", lambda: moving.exit_code() is not None, MOVED_S)
        scene.expect(moving.exit_code() == 0, f"the slots could not be moved: {moving.tail(3)}")
        yield from scene.all_ready()
