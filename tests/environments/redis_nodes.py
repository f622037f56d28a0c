"""Redis as production has it: servers with passwords, replicas, sentinels, a cluster, TLS."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from least_rights import redis_rights_beside, redis_users
from nodes import Nodes
from redis_wire import Access, Refused, Reply
from services import NotStarted, Ports, Service

SERVER, TOOL = "redis-server", "redis-cli"
KEPT = [
    'save ""', "appendonly yes", "appendfsync always", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1",
]  # fmt: skip
"""Of a server that has on disk whatever it has acknowledged."""
CREATING_S = 60.0


class Node(Service):
    """A server whose settings lie in a file, as sentinels and clusters want to change them."""

    def __init__(
        self, folder: Path, name: str, access: Access, settings: Iterable[str], program: str = SERVER, *arguments: str
    ) -> None:
        self.access = access
        self.port = access.port
        data = folder / f"{name}-data"
        data.mkdir()
        config = folder / f"{name}.conf"
        config.write_text("\n".join(["bind 127.0.0.1", f"dir {data}", *settings, ""]))
        super().__init__(name, folder, [program, str(config), *arguments])

    def ask(self, *words: str) -> Reply:
        return self.access.ask(*words)

    def answers(self) -> bool:
        return self.access.answers()

    def info(self, field: str) -> str:
        """A field of INFO; empty where the server does not answer."""
        try:
            lines = str(self.ask("INFO")).splitlines()
        except (OSError, Refused):
            return ""
        return next((line.partition(":")[2] for line in lines if line.startswith(f"{field}:")), "")


class Group(Nodes):
    """Servers that come and go together."""

    name = "redis"
    nodes: list[Node]

    @property
    def port(self) -> int:
        return self.nodes[0].port

    def answers(self) -> bool:
        return all(node.answers() for node in self.nodes)


class Sentinels(Group):
    """A primary, two replicas, and three sentinels that watch them. Whoever comes needs a password: one for the servers,
    another for the sentinels."""

    PASSWORD, SENTINEL_PASSWORD = "p ss=w0rd, 가", "s=ntinel pass/word"
    WATCHER = "watcher"
    """As whom workers come to the sentinels."""
    SERVICE = "members"
    REPLICA = "replica"
    """As whom replicas come to their primary, so that they can be kept away from it."""
    DOWN_MS = 1_000

    def __init__(self, folder: Path, ports: Ports) -> None:
        beside = [*redis_rights_beside("on the servers"), *redis_rights_beside("REDIS_WAIT_REPLICAS")]
        self._user = redis_users()["ssammu-worker"].with_(beside)
        places = [ports.free() for _ in range(6)]
        accesses = [Access(port, password=self.PASSWORD) for port in places[:3]]
        self.servers = [
            Node(folder, f"redis-{number}", access, self._server(access.port, places[0]))
            for number, access in enumerate(accesses, 1)
        ]
        self.sentinels = [
            Node(
                folder, f"sentinel-{number}", Access(port, password=self.SENTINEL_PASSWORD),
                self._sentinel(port, places[0]), SERVER, "--sentinel",
            )
            for number, port in enumerate(places[3:], 1)
        ]  # fmt: skip
        self.nodes = [*self.servers, *self.sentinels]

    def url(self) -> str:
        first, *others = [f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels]
        nodes = "".join(f"&node={other}" for other in others)
        passwords = quote(self.PASSWORD, safe=""), quote(self.SENTINEL_PASSWORD, safe="")
        return (
            f"redis-sentinel://{self._user.name}:{passwords[0]}@{first}/0?sentinelServiceName={self.SERVICE}{nodes}"
            f"&sentinelUsername={self.WATCHER}&sentinelPassword={passwords[1]}"
        )

    def answers(self) -> bool:
        """Whether there is a primary with two replicas, of whom each sentinel knows."""
        return super().answers() and self.primary() is not None and self.replicas_in_sync() == 2 and self._all_known()

    def primary(self) -> Node | None:
        """Whom the sentinels call so, if it is one."""
        for sentinel in self.sentinels:
            try:
                said = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.SERVICE)
            except (OSError, Refused):
                continue
            named = next((node for node in self.servers if isinstance(said, list) and str(node.port) == said[1]), None)
            if named is not None and named.info("role") == "master":
                return named
        return None

    def replicas_in_sync(self) -> int:
        primary = self.primary()
        return 0 if primary is None else sum("state=online" in primary.info(f"slave{n}") for n in range(2))

    def fail_over(self) -> None:
        self.sentinels[0].ask("SENTINEL", "FAILOVER", self.SERVICE)

    def cut_replicas(self, primary: Node) -> None:
        """From now on nothing that the primary takes reaches a replica. Its clients notice nothing."""
        primary.access.ask_all([("ACL", "SETUSER", self.REPLICA, "off"), ("CLIENT", "KILL", "TYPE", "replica")])

    def _all_known(self) -> bool:
        def knows(sentinel: Node) -> bool:
            said = sentinel.ask("SENTINEL", "MASTER", self.SERVICE)
            facts = dict(zip(said[::2], said[1::2], strict=True)) if isinstance(said, list) else {}
            return (facts.get("num-slaves"), facts.get("num-other-sentinels")) == ("2", "2")

        return all(knows(sentinel) for sentinel in self.sentinels)

    def _server(self, port: int, primary: int) -> list[str]:
        settings = [
            *KEPT, f"port {port}", f'requirepass "{self.PASSWORD}"', f'masterauth "{self.PASSWORD}"',
            f"masteruser {self.REPLICA}", f'user {self.REPLICA} on ">{self.PASSWORD}" +psync +replconf +ping',
            self._user.line(self.PASSWORD),
        ]  # fmt: skip
        return settings if port == primary else [*settings, f"replicaof 127.0.0.1 {primary}"]

    def _sentinel(self, port: int, primary: int) -> list[str]:
        return [
            f"port {port}", f'requirepass "{self.SENTINEL_PASSWORD}"',
            f'sentinel sentinel-pass "{self.SENTINEL_PASSWORD}"',
            f'user {self.WATCHER} on ">{self.SENTINEL_PASSWORD}" -@all ' + " ".join(redis_rights_beside("on the sentinels")),
            f"sentinel monitor {self.SERVICE} 127.0.0.1 {primary} 2",
            f'sentinel auth-pass {self.SERVICE} "{self.PASSWORD}"',
            f"sentinel down-after-milliseconds {self.SERVICE} {self.DOWN_MS}",
            f"sentinel failover-timeout {self.SERVICE} 3000",
        ]  # fmt: skip


class RedisCluster(Group):
    """Three primaries with a replica each, and a password."""

    PASSWORD = "c!u/s:t@er"

    def __init__(self, folder: Path, ports: Ports) -> None:
        self._user = redis_users()["ssammu-worker"].with_(redis_rights_beside("redis-cluster://"))
        self._is_made = False
        self.nodes = []
        for number in range(1, 7):
            access = Access(ports.free(), password=self.PASSWORD)
            settings = [
                *KEPT, f"port {access.port}", f"cluster-port {ports.free()}", "cluster-enabled yes", "cluster-config-file nodes.conf",
                "cluster-node-timeout 2000", f'requirepass "{self.PASSWORD}"', f'masterauth "{self.PASSWORD}"',
                self._user.line(self.PASSWORD),
            ]  # fmt: skip
            self.nodes.append(Node(folder, f"redis-{number}", access, settings))

    def url(self) -> str:
        first, *others = [f"127.0.0.1:{node.port}" for node in self.nodes[:3]]
        nodes = "&".join(f"node={other}" for other in others)
        return f"redis-cluster://{self._user.name}:{quote(self.PASSWORD, safe='')}@{first}?{nodes}"

    def answers(self) -> bool:
        """Whether all slots are served and every primary has its replica. The first time it is made so."""
        if not all(node.answers() for node in self.nodes):
            return False
        if not self._is_made:
            addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
            self.tool("--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes")
            self._is_made = True
        return self.is_whole()

    def is_whole(self) -> bool:
        """Whether every node that runs sees all slots served, and all others."""
        seen = [self._seen_by(node) for node in self.nodes]
        return all(
            len(lines) == 6 and all("fail" not in line and " connected" in line for line in lines) for lines in seen
        )

    def primaries(self) -> list[Node]:
        return [node for node in self.nodes if node.info("role") == "master" and self._slots_of(node) > 0]

    def replica_of(self, primary: Node) -> Node | None:
        return next(
            (n for n in self.nodes if n.info("role") == "slave" and n.info("master_port") == str(primary.port)), None
        )

    def is_served(self) -> bool:
        """Whether some node says that all slots are served."""
        return any("cluster_state:ok" in str(self._said(node, "CLUSTER", "INFO")) for node in self.nodes)

    def reshard(self, folder: Path, source: Node, target: Node, slots: int) -> Service:
        """What moves slots, with what is in them, and is not started yet."""
        ids = [str(node.ask("CLUSTER", "MYID")) for node in (source, target)]
        command = self._tool(
            "--cluster", "reshard", f"127.0.0.1:{source.port}", "--cluster-from", ids[0], "--cluster-to", ids[1],
            "--cluster-slots", str(slots), "--cluster-yes",
        )  # fmt: skip
        return Service(f"reshard-{ids[0][:8]}-{ids[1][:8]}", folder, command)

    def tool(self, *arguments: str) -> None:
        done = subprocess.run(self._tool(*arguments), capture_output=True, text=True, timeout=CREATING_S, check=False)
        if done.returncode != 0:
            raise NotStarted(f"{TOOL} {' '.join(arguments[:2])}: {done.stdout}{done.stderr}")

    def _tool(self, *arguments: str) -> list[str]:
        return [TOOL, "-a", self.PASSWORD, "--no-auth-warning", *arguments]

    def _seen_by(self, node: Node) -> list[str]:
        return str(self._said(node, "CLUSTER", "NODES")).splitlines()

    def _slots_of(self, node: Node) -> int:
        mine = next((line for line in self._seen_by(node) if "myself" in line), "")
        return len(mine.split()[8:])

    def _said(self, node: Node, *words: str) -> Reply:
        try:
            return node.ask(*words)
        except (OSError, Refused):
            return ""
