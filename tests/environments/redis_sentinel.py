"""A primary with two replicas, watched by three sentinels: it goes, and another takes its place."""

from __future__ import annotations

from pathlib import Path

from environment import Environment
from failovers import Failover, excuse_of_loss, lossless, lossy, sent_back
from faults import LOOK_S, Script
from redis_nodes import Node, Sentinels
from scene import Scene
from services import Ports

CUT_S = 2.0
CUT = f"replicas cut off for {CUT_S:.0f} s, then kill -9 of the primary"
WAITING = {"REDIS_WAIT_REPLICAS": "1"}
ELECTED_S = 20.0
IN_SYNC_S = 60.0
"""A primary of before is made a replica once the sentinels agree that it is back."""


class RedisSentinel(Environment):
    name = "redis-sentinel"
    about = "Redis, three servers and three sentinels, a password for each kind"
    _scene: Scene | None = None

    def redis(self, folder: Path, ports: Ports) -> Sentinels:
        return Sentinels(folder, ports)

    def settings(self, stand) -> dict[str, str]:
        return {"RUST_LOG": self.log, "REDIS_URL": stand.redis.url(), **(WAITING if self.short else {})}

    def script(self, scene: Scene) -> Script:
        self._scene = scene
        sentinels: Sentinels = scene.stand.redis
        yield 2.0 if self.short else 8.0
        if not self.short:
            yield from self._without_a_cut(scene, sentinels)
            yield from self._with_loss(scene, sentinels)
            with scene.event("REDIS_WAIT_REPLICAS=1, one worker after the other", moves=True):
                yield from scene.roll(lambda number: WAITING)
        with lossless(scene, f"{CUT}, REDIS_WAIT_REPLICAS=1: nothing that was shown is lost") as failover:
            yield from self._lose(scene, sentinels, failover)
            back = sent_back(scene, failover.event.began)
            scene.expect(back == 0, f"{back} members were told to begin again, although a replica had their questions")
        yield 3.0

    def excuse(self, violation: str) -> str | None:
        return excuse_of_loss(self._scene, violation)

    def _without_a_cut(self, scene: Scene, sentinels: Sentinels) -> Script:
        with lossy(scene, "SENTINEL FAILOVER") as failover:
            before = sentinels.primary()
            sentinels.fail_over()
            yield from self._until_another(scene, sentinels, before, failover)
            yield from self._in_sync(scene, sentinels)
        with lossy(scene, "kill -9 of the primary, back 5 s after the failover") as failover:
            before = sentinels.primary()
            before.kill()
            yield from self._until_another(scene, sentinels, before, failover)
            yield 5.0
            before.start()
            yield from self._in_sync(scene, sentinels)
        with lossy(scene, "kill -9 of the first sentinel and the primary, both back") as failover:
            before = sentinels.primary()
            sentinels.sentinels[0].kill()
            before.kill()
            yield from self._until_another(scene, sentinels, before, failover)
            sentinels.sentinels[0].start()
            before.start()
            yield from self._in_sync(scene, sentinels)

    def _with_loss(self, scene: Scene, sentinels: Sentinels) -> Script:
        with lossy(scene, f"{CUT}: what it took meanwhile is lost") as failover:
            yield from self._lose(scene, sentinels, failover)
            event = failover.event
            event.what += f" ({sent_back(scene, event.began)} answers told to begin again)"

    def _lose(self, scene: Scene, sentinels: Sentinels, failover: Failover) -> Script:
        before = sentinels.primary()
        sentinels.cut_replicas(before)
        yield CUT_S
        before.kill()
        yield from self._until_another(scene, sentinels, before, failover)
        before.start()
        yield from self._in_sync(scene, sentinels)

    def _until_another(self, scene: Scene, sentinels: Sentinels, before: Node, failover: Failover) -> Script:
        yield from scene.until(
            "there is another primary", lambda: sentinels.primary() not in (None, before), ELECTED_S
        )  # fmt: skip
        yield from scene.all_ready()
        failover.over_at = scene.now()

    def _in_sync(self, scene: Scene, sentinels: Sentinels) -> Script:
        # The primary of before needs a while to become a replica, and the short form does not wait for it.
        wanted = 1 if self.short else 2
        yield from scene.until("replicas follow", lambda: sentinels.replicas_in_sync() >= wanted, IN_SYNC_S)
        yield from scene.all_ready()
        yield LOOK_S
