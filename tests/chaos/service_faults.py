"""What happens to the services that the workers need."""

from __future__ import annotations

import signal

from faults import LOOK_S, Fault, Injected, Script, Stage
from payments import LOSSY, ROLLBACK, Disruption
from services import Broker, Redis
from silence import Outage

BROKER_PARTS = ("kafka", "topics", "feedback group", "resume group")
SAVING_TRIES = 60
NOBODY = "1"
"""A port at which no primary is."""
REFUSALS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "oom": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "noreplicas": (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
    "noperm": (("ACL", "SETUSER", "default", "-@write"), ("ACL", "SETUSER", "default", "+@all")),
    "readonly": (("REPLICAOF", "127.0.0.1", NOBODY), ("REPLICAOF", "NO", "ONE")),
}
"""How Redis is made to refuse writes while it answers all else, and how that ends."""


class ServiceFaults:
    def __init__(self, stage: Stage, injected: Injected) -> None:
        self._stage = stage
        self._stand = stage.stand
        self._injected = injected

    def known(self) -> dict[str, Fault]:
        redis = self._stand.redis
        return {
            "broker": Fault([self._stand.broker], self._broker),
            "redis": Fault([redis], self._redis),
            "redis-refuses": Fault([redis], self._redis_refuses),
            "rollback": Fault([redis], self._rollback, frozenset({self._stand.broker})),
            LOSSY: Fault([redis], self._redis_loss),
            "s3": Fault(["s3"], self._outage),
            "model": Fault(["model"], self._outage),
            "primary": Fault(["model"], self._primary, alone_s=24.0),
        }

    def _broker(self, broker: Broker) -> Script:
        began = self._stage.now()
        if self._injected.turn("broker", ("kill", "stop")) == "kill":
            broker.kill()
            self._stage.tell("broker killed")
            yield self._uniform(5.0, 20.0)
            broker.start()
        else:
            pause = self._uniform(5.0, 15.0)
            broker.signal(signal.SIGSTOP)
            self._stage.tell(f"broker stopped for {pause:.1f} s")
            yield pause
            broker.signal(signal.SIGCONT)
        while not broker.answers():
            broker.check()
            yield LOOK_S
        self._was_away("broker", BROKER_PARTS, began)
        self._stage.bus.renew()
        self._stage.tell("broker is back")

    def _redis(self, redis: Redis) -> Script:
        self._injected.counts["redis"] += 1
        began = self._stage.now()
        redis.kill()
        self._stage.tell("redis killed")
        yield self._uniform(0.5, 16.0)
        redis.start()
        yield from self._until_redis(redis)
        self._was_away("redis", ("redis",), began)

    def _redis_refuses(self, redis: Redis) -> Script:
        mode = self._injected.turn("redis-refuses", tuple(REFUSALS))
        refuse, heal = REFUSALS[mode]
        began, seconds = self._stage.now(), self._uniform(12.0, 18.0)
        redis.command(*refuse)
        self._stage.tell(f"redis refuses writes ({mode}) for {seconds:.1f} s")
        yield seconds
        self._was_away(f"redis-refuses {mode}", ("redis",), began)
        redis.command(*heal)
        self._stage.tell("redis takes writes again")

    def _rollback(self, redis: Redis) -> Script:
        """As after a power cut where the append-only file is synced every second, or a failover."""
        self._injected.counts["rollback"] += 1
        saved, began = redis.saved(), self._stage.now()
        yield self._uniform(1.0, 2.0)
        # While nothing is saved there is nothing to lose.
        for _ in range(SAVING_TRIES):
            if redis.saved() != saved:
                break
            began = self._stage.now()
            yield LOOK_S
        killed = self._stage.now()
        redis.kill()
        lost = redis.roll_back(saved)
        if lost == 0:
            self._injected.wrong.append("no fault: a rollback of Redis took nothing back")
        self._stage.tell(f"redis killed, and rolled back by {killed - began:.1f} s, {lost} bytes")
        yield self._uniform(0.5, 4.0)
        redis.start()
        yield from self._until_redis(redis)
        self._was_away("redis", ("redis",), killed)
        self._injected.rollbacks.append((began, self._stage.now()))
        self._injected.disruptions.append(Disruption(ROLLBACK, None, began, self._stage.now(), 0))

    def _redis_loss(self, redis: Redis) -> Script:
        self._injected.counts[LOSSY] += 1
        began = self._stage.now()
        redis.kill()
        redis.lose_everything()
        yield self._uniform(0.5, 12.0)
        redis.start()
        yield from self._until_redis(redis)
        self._injected.losses.append((began, self._stage.now()))
        self._injected.disruptions.append(Disruption(LOSSY, None, began, self._stage.now(), 0))
        self._stage.tell("redis lost everything")

    def _outage(self, what: str) -> Script:
        mode, seconds = self._injected.turn(what, ("refuse", "hang")), self._uniform(3.0, 20.0)
        began = self._stage.now()
        self._stand.background.fail(what, mode)
        self._stage.tell(f"{what}: {mode} for {seconds:.1f} s")
        yield seconds
        self._was_away(what, (what,), began)
        self._stand.background.fail(what, "well")
        self._stage.tell(f"{what} is well again")

    def _primary(self, _: str) -> Script:
        """The first model hangs, also while it still lists what it has, and the other one is well."""
        mode, seconds = self._injected.turn("primary", ("engine", "hang")), self._uniform(14.0, 16.0)
        began = self._stage.now()
        self._stand.background.fail("primary", mode)
        self._stage.tell(f"the first model hangs ({mode}) for {seconds:.1f} s, its fallback works")
        yield seconds
        self._injected.outages.append(Outage("primary", (), began, self._stage.now(), alone=True))
        self._stand.background.fail("primary", "well")
        self._stage.tell("the first model is well again")

    def _until_redis(self, redis: Redis) -> Script:
        while not redis.answers():
            redis.check()
            yield LOOK_S
        self._stage.tell("redis is back")

    def _was_away(self, what: str, parts: tuple[str, ...], began: float) -> None:
        self._injected.outages.append(Outage(what, parts, began, self._stage.now()))

    def _uniform(self, least: float, most: float) -> float:
        return self._stage.rng.uniform(least, most)
