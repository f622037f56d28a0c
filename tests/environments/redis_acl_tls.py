"""Redis behind TLS of an own authority, and users that may do what docs/environments.md says and no more."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote

from authority import Authority
from environment import Environment
from faults import Script
from least_rights import RedisUser, redis_users
from redis_nodes import KEPT, SERVER, Node
from redis_wire import Access
from scene import Scene
from services import Ports
from workers import Worker

PASSWORD, ADMIN = "p@ss:w/rd?#[%]&=x,", "admin"
TOLD_S = 20.0
SHORT_RIGHTS = ("+get", "+pexpire", "+eval", "~resume:*")
"""Those of a short run; `tests/e2e` tries each."""


class SafeRedis(Node):
    """One server; whom it lets in may do what its user may."""

    def __init__(self, folder: Path, ports: Ports, users: list[RedisUser], program: str = SERVER) -> None:
        authority = Authority(folder, "redis-authority")
        certificate, key = authority.certificate("redis")
        self.ca = authority.ca
        access = Access(ports.free(), ADMIN, ADMIN, authority.ca)
        settings = [
            *KEPT, "port 0", f"tls-port {access.port}", f"tls-cert-file {certificate}", f"tls-key-file {key}",
            f"tls-ca-cert-file {authority.ca}", "tls-auth-clients no", "user default off",
            f"user {ADMIN} on >{ADMIN} ~* &* +@all", *(user.line(PASSWORD) for user in users),
        ]  # fmt: skip
        super().__init__(folder, "redis", access, settings, program)

    def url(self, user: str, password: str = PASSWORD) -> str:
        return f"rediss://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/0"

    def grant(self, user: RedisUser) -> None:
        self.ask("ACL", "SETUSER", *user.words(PASSWORD))


class RedisAclTls(Environment):
    name = "redis-acl-tls"
    about = "Redis behind TLS with an own authority, users with the least rights"

    def __init__(self, short: bool) -> None:
        super().__init__(short)
        users = redis_users()
        self._operator, worker = users["ssammu-operator"], users["ssammu-worker"]
        # Each worker has a user of its own, so that two rights can be missing at once.
        self._users = [worker.called(f"ssammu-worker-{number}") for number in (1, 2)]

    def redis(self, folder: Path, ports: Ports) -> SafeRedis:
        return SafeRedis(folder, ports, [*self._users, self._operator])

    def settings(self, stand) -> dict[str, str]:
        self._url = stand.redis.url
        return {
            "RUST_LOG": self.log,
            "SSL_CERT_FILE": str(stand.redis.ca),
            "REDIS_URL": self._url(self._operator.name),
        }

    def of_worker(self, number: int) -> dict[str, str]:
        return {"REDIS_URL": self._url(self._users[number - 1].name)}

    def script(self, scene: Scene) -> Script:
        redis: SafeRedis = scene.stand.redis
        with scene.event("the least rights: all commands work"):
            yield from self._commands(scene)
        rights = [*(f"+{command}" for command in self._users[0].commands if command != "select"), *self._users[0].keys]
        rights = [right for right in rights if not self.short or right in SHORT_RIGHTS]
        half = (len(rights) + 1) // 2
        with scene.event(f"each of {len(rights)} rights is taken away alone, told, and given back"):
            for pair in zip_longest(rights[:half], rights[half:]):
                yield from self._missing(scene, redis, pair)
        if not self.short:
            with scene.event("what operators need is missing"):
                yield from self._operators_missing(scene, redis)
            with scene.event("wrong password, wrong authority, put right", moves=True):
                yield from self._wrong(scene, scene.worker(2))
        yield 2.0
        told = [worker.name for worker in scene.stand.workers if quote(PASSWORD, safe="") in worker.log.read_text()]
        told += [worker.name for worker in scene.stand.workers if PASSWORD in worker.log.read_text()]
        scene.expect(not told, f"a password stands in the log of {told}")

    def _commands(self, scene: Scene) -> Script:
        for words in (
            ("session", "list"), ("session", "show", "5"), ("session", "delete", "5", "--yes"), ("dlt", "list"),
            ("dlt", "replay"),
        ):  # fmt: skip
            ended = yield from scene.command(*words)
            scene.expect(ended.code == 0, f"{' '.join(words)} ended with {ended.code}: {ended.said}")

    def _missing(self, scene: Scene, redis: SafeRedis, pair: tuple[str | None, ...]) -> Script:
        lacking = [
            (worker, user, right)
            for worker, user, right in zip(scene.stand.workers, self._users, pair, strict=True)
            if right is not None
        ]
        for _, user, right in lacking:
            redis.grant(user.without(right))
        for worker, _, right in lacking:
            # Which of the keys it was no server says.
            named = "access" if right.startswith("~") else right[1:]
            yield from scene.tells(worker, "redis", named, within_s=TOLD_S)
        for _, user, _ in lacking:
            redis.grant(user)
        yield from scene.all_ready()

    def _operators_missing(self, scene: Scene, redis: SafeRedis) -> Script:
        for right, words in (("+scan", ("session", "list")), ("+ping", ("session", "list"))):
            redis.grant(self._operator.without(right))
            ended = yield from scene.command(*words)
            scene.expect(
                ended.code not in (0, None) and right[1:] in ended.stderr.lower(),
                f"without {right} it said: {ended.said}",
            )
        redis.grant(self._operator)

    def _wrong(self, scene: Scene, worker: Worker) -> Script:
        user = self._users[1].name
        for settings, words in (
            ({"REDIS_URL": self._url(user, "another")}, ("redis", "wrongpass")),
            ({"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}, ("redis", "unknownissuer")),
        ):
            yield from scene.stop(worker)
            worker.set(settings)
            worker.start()
            yield from scene.tells(worker, *words)
            yield from scene.stop(worker)
            worker.set({"REDIS_URL": self._url(user), "SSL_CERT_FILE": str(scene.stand.redis.ca)})
            worker.start()
            yield from scene.ready(worker)
