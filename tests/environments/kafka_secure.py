"""A broker with TLS, passwords, certificates and rights: the least rights are enough, and each is needed."""

from __future__ import annotations

import itertools
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from confluent_kafka.admin import AclOperation

from authority import Authority
from environment import Environment
from faults import Script
from rights import Right, Rights, of_dlt_list, of_dlt_purge, of_dlt_replay, of_gateway, of_run, of_topics, read, write
from scene import Ended, Scene, Steps
from secure_broker import SecureBroker
from services import LOOK_S, Ports, Service
from stand import Stand
from wire import ANSWER, FEEDBACK, FLOWS, INIT
from workers import Worker

WORKER, GATEWAY, LOOKER, LISTER, REPLAYER, PURGER = "worker", "gateway", "looker", "lister", "replayer", "purger"
PASSWORD = r"p=ss, w0rd;#&%'\1"
"""Of everybody; all that a file of properties takes."""
NOTICED_S = 25.0
BACK_S = 20.0
"""How long after a right is given back a worker is ready."""
DENIED = ("authorization", "may not be", "acl")
GATEWAYS = itertools.count(1)
MADE = "MadeByTopics"
"""A topic that there is not."""


class KafkaSecure(Environment):
    name = "kafka-secure"
    about = "TLS, SCRAM-SHA-512, certificates of clients, the least ACLs"
    rate = 8.0

    def broker(self, folder: Path, services: Path, ports: Ports) -> SecureBroker:
        return SecureBroker(folder, services, ports)

    def settings(self, stand: Stand) -> dict[str, str]:
        self._broker: SecureBroker = stand.broker
        self._folder = stand.folder
        self._rights = Rights(stand.broker.address)
        least = {
            WORKER: of_run(stand.names),
            GATEWAY: of_gateway(stand.names),
            LOOKER: of_topics(stand.names),
            LISTER: of_dlt_list(stand.names),
            REPLAYER: of_dlt_replay(stand.names),
            PURGER: of_dlt_purge(stand.names),
        }
        for user, rights in least.items():
            self._rights.let_in(user, PASSWORD)
            self._rights.grant(user, rights)
        return {"RUST_LOG": self.log, "REQUEST_DEADLINE": "120s"}

    def of_worker(self, number: int) -> dict[str, str]:
        """The first comes with a password, the second with a certificate."""
        return self._by_password(WORKER) if number == 1 else self._by_certificate(WORKER)

    def script(self, scene: Scene) -> Script:
        with scene.event("the least rights; one worker with a password, one with a certificate"):
            yield from scene.all_ready()
            yield from scene.dialogue()
            yield from self._commands(scene)
        yield from self._rights_of_run(scene)
        yield from self._rights_of_commands(scene)
        yield from self._rights_of_gateway(scene)
        yield from self._wrong(scene)

    def _commands(self, scene: Scene) -> Script:
        """What each is for works with its own rights."""
        yield from scene.until("there are dead letters", self._a_letter_for(scene, FEEDBACK), NOTICED_S)
        for user, command in ((LOOKER, ["topics"]), (LISTER, ["dlt", "list"])):
            ended = yield from scene.command(*command, settings=self._by_password(user))
            scene.expect(ended.code == 0, f"{' '.join(command)} by {user} ended with {ended.code}: {ended.said}")

    def _rights_of_run(self, scene: Scene) -> Script:
        names = scene.stand.names
        first = of_run(names)
        if self.short:
            topic = names.requests[FEEDBACK]
            letters = topic + names.dead_letter_suffix
            outcome = next(iter(names.outcomes))
            kept = {topic, names.groups[FEEDBACK], outcome, letters, names.progress}
            first = [right for right in first if right.name in kept]
        for right in first:
            with scene.event(f"run without {right}, and with it again", moves=True):
                yield from self._without(scene, right)

    def _without(self, scene: Scene, right: Right) -> Script:
        workers, names = scene.stand.workers, scene.stand.names
        logged = [worker.log.stat().st_size for worker in workers]
        self._rights.take(WORKER, right)
        if right.name == names.progress:
            # Nothing waits for progress, and who cannot tell it is ready.
            for worker, size in zip(workers, logged, strict=True):
                told = _warned(worker, size, names.progress)
                yield from scene.until(f"{worker.name} warns of {names.progress}", told, NOTICED_S)
            yield from scene.feedback()
            yield from scene.all_ready(BACK_S)
        else:
            for worker in workers:
                yield from scene.until(
                    f"{worker.name} tells that it lacks {right}", self._tells(scene, worker, right), NOTICED_S
                )
                scene.expect(
                    "missing" not in scene.reasons(worker),
                    f"denied is not missing: {worker.name} says {scene.reasons(worker)}",
                )
        self._rights.grant(WORKER, [right])
        yield from scene.all_ready(BACK_S)
        for flow, topic in names.requests.items():
            if right.name == topic + names.dead_letter_suffix:
                yield from scene.until("dead letters are kept again", self._a_letter_for(scene, flow), NOTICED_S)

    def _tells(self, scene: Scene, worker: Worker, right: Right) -> Callable[[], bool]:
        """A group's part does not name the group; a topic is named."""

        def holds() -> bool:
            parts = worker.unready_parts() or {}
            named = [f"{part} {reason}".lower() for part, reason in parts.items()]
            is_group = right.name in scene.stand.names.groups.values()
            about = "group" if is_group else right.name.lower()
            return any(about in said and any(word in said for word in DENIED) for said in named)

        return holds

    def _a_letter_for(self, scene: Scene, flow: str) -> Callable[[], bool]:
        """Sends what nobody can read."""
        cases = scene.load.garbage(flow, 1)
        return lambda: all(case.dead_letters for case in cases)

    def _rights_of_commands(self, scene: Scene) -> Script:
        names = scene.stand.names
        looks, lists = of_topics(names), of_dlt_list(names)
        if self.short:
            looks, lists = [looks[0], looks[-1]], [lists[0], lists[-1]]
        with scene.event(f"topics, dlt list without one of their rights ({len(looks) + len(lists)} times)"):
            for right in looks:
                yield from self._command_without(scene, LOOKER, right, "topics")
            for right in lists:
                yield from self._command_without(scene, LISTER, right, "dlt", "list")
        with scene.event("topics makes a topic, without and with Create"):
            yield from self._make_a_topic(scene)
        with scene.event("dlt replay without and with its rights"):
            yield from self._replay(scene)
        knows = yield from scene.command("dlt", "--help")
        if "purge" in knows.stdout:
            with scene.event("dlt purge without and with its rights"):
                yield from self._purge(scene)

    def _command_without(self, scene: Scene, user: str, right: Right, *command: str) -> Steps[Ended]:
        self._rights.take(user, right)
        ended = yield from scene.command(*command, settings=self._by_password(user))
        said = ended.said.lower()
        words = f"{' '.join(command)} without {right}"
        if is_of_retention := command[0] == "dlt" and right.operation is AclOperation.DESCRIBE_CONFIGS:
            scene.expect("perhaps answered" in said, f"{words} knows what was answered: {ended.said}")
        scene.expect(is_of_retention or right.name.lower() in said, f"{words} does not name it: {ended.said}")
        denied = (*DENIED, "denied", "could not be looked at", "retention is not told")
        scene.expect(any(word in said for word in denied), f"{words} does not say that it is denied: {ended.said}")
        if right.operation is not AclOperation.DESCRIBE_CONFIGS:
            scene.expect(ended.code not in (0, None), f"{words} ended with {ended.code}: {ended.said}")
        self._rights.grant(user, [right])
        return ended

    def _make_a_topic(self, scene: Scene) -> Script:
        settings = self._by_password(LOOKER) | {"TOPIC_REQUEST_PROGRESS": MADE}
        self._rights.grant(LOOKER, [Right(AclOperation.DESCRIBE, MADE), Right(AclOperation.DESCRIBE_CONFIGS, MADE)])
        ended = yield from scene.command("topics", settings=settings)
        said = ended.said.lower()
        scene.expect(
            ended.code not in (0, None) and any(word in said for word in DENIED),
            f"topics without Create ended with {ended.code}: {ended.said}",
        )
        self._rights.grant(LOOKER, [Right(AclOperation.CREATE, MADE)])
        ended = yield from scene.command("topics", settings=settings)
        scene.expect(ended.code == 0, f"topics with Create ended with {ended.code}: {ended.said}")

    def _replay(self, scene: Scene) -> Script:
        """One request failed, and is sent back once the rights are whole."""
        names, load = scene.stand.names, scene.load
        cases, marks, send = load.doomed(1, 0)
        scene.stand.background.spoil(marks)
        send()
        yield from scene.until("a request failed", lambda: bool(cases[0].dead_letters), BACK_S)
        scene.stand.background.spoil(set())
        rights = [*write(names.requests[FEEDBACK]), *read(next(iter(names.outcomes)))]
        if not self.short:
            rights = [*write(names.requests[FEEDBACK]), *read(*names.dead_letter_topics(), *names.outcomes)]
        command = ("dlt", "replay", "--yes", "--code", "LLM_BAD_OUTPUT")
        for right in rights:
            yield from self._command_without(scene, REPLAYER, right, *command)
        load.replaying_since = scene.now()
        ended = yield from scene.command(*command, settings=self._by_password(REPLAYER))
        scene.expect(ended.code == 0, f"dlt replay ended with {ended.code}: {ended.said}")
        scene.expect("1 sent" in ended.stdout, f"dlt replay sent nothing back: {ended.said}")

    def _rights_of_gateway(self, scene: Scene) -> Script:
        names = scene.stand.names
        outcomes, requests, flows = read(*names.outcomes), read(*names.requests.values()), list(FLOWS)
        if self.short:
            outcomes, requests, flows = outcomes[:1], [], flows[:1]
        times = len(outcomes) + len(requests) + len(flows) + (0 if self.short else 1)
        with scene.event(f"gateway, and without one of its rights ({times} times)"):
            gateway = Gateway(scene, self._by_password(GATEWAY))
            yield from scene.until("the gateway is ready", gateway.is_ready, BACK_S)
            yield from self._asked(scene, gateway)
            for right in outcomes:
                self._rights.take(GATEWAY, right)
                holds = gateway.tells(right.name)
                yield from scene.until(f"the gateway tells that it lacks {right}", holds, NOTICED_S)
                self._rights.grant(GATEWAY, [right])
                yield from scene.until("the gateway is ready again", gateway.is_ready, BACK_S)
            for flow in flows:
                [right] = write(names.requests[flow])
                self._rights.take(GATEWAY, right)
                status = yield from gateway.ask(scene, flow)
                scene.expect(status >= 500, f"without {right} the gateway answered with {status}")
                self._rights.grant(GATEWAY, [right])
                yield from scene.until("the gateway is ready again", gateway.is_ready, BACK_S)
                yield from self._asked(scene, gateway, flow)
            gateway.process.kill()
            # Who may write a topic may know of it, so that a right to read that is gone shows when a gateway begins.
            for right in requests:
                yield from self._begin_without(scene, right)
            if not self.short:
                yield from self._begin_without_progress(scene, read(names.progress)[0])

    def _purge(self, scene: Scene) -> Script:
        """What lies there has been read by all who judge it."""
        command = ("dlt", "purge", "--before", "2s", "--yes")
        letters = scene.stand.names.dead_letter_topics()
        for right in of_dlt_purge(scene.stand.names)[: 1 if self.short else None]:
            yield from self._command_without(scene, PURGER, right, *command)
        yield from scene.until("all dead letters are read", lambda: all(map(scene.bus.has_read, letters)), NOTICED_S)
        ended = yield from scene.command(*command, settings=self._by_password(PURGER))
        deleted = sum(map(int, re.findall(r"^deleted +(\d+)", ended.stdout, re.MULTILINE)))
        scene.expect(ended.code == 0 and deleted > 0, f"dlt purge ended with {ended.code}: {ended.said}")

    def excuse(self, violation: str) -> str | None:
        """What the gateway's callers asked for is in the model's books, and not in the judge's."""
        found = re.match(r"paid twice: (\d+) prompts were paid for (\d+) requests", violation)
        if found and int(found[1]) - int(found[2]) <= Gateway.asked:
            return f"{Gateway.asked} of them were asked for by way of the gateway"
        return None

    def _asked(self, scene: Scene, gateway: Gateway, flow: str = FEEDBACK) -> Script:
        status = yield from gateway.ask(scene, flow)
        scene.expect(status == 200, f"the gateway answered {flow} with {status}")

    def _begin_without(self, scene: Scene, right: Right) -> Script:
        self._rights.take(GATEWAY, right)
        gateway = Gateway(scene, self._by_password(GATEWAY))
        yield from scene.until("a gateway lives", gateway.is_alive, BACK_S)
        # It would be ready in less.
        yield 4.0
        scene.expect(not gateway.is_ready(), f"a gateway is ready without {right}")
        self._rights.grant(GATEWAY, [right])
        yield from scene.until("the gateway is ready after all", gateway.is_ready, BACK_S)
        gateway.process.kill()

    def _begin_without_progress(self, scene: Scene, right: Right) -> Script:
        """It shows no progress, says so, and does all else."""
        self._rights.take(GATEWAY, right)
        gateway = Gateway(scene, self._by_password(GATEWAY))
        yield from scene.until("the gateway is ready", gateway.is_ready, BACK_S)
        yield from scene.until(
            f"the gateway warns that it lacks {right}", gateway.warns("how far their requests are"), NOTICED_S
        )
        yield from self._asked(scene, gateway)
        self._rights.grant(GATEWAY, [right])
        gateway.process.kill()

    def _wrong(self, scene: Scene) -> Script:
        """The cause is told by the worker and by commands, and a password that is put right is all that it takes."""
        stranger = Authority(self._folder, "stranger")
        by_password, by_certificate = self._by_password("late"), self._by_certificate(WORKER)
        text = Path(by_password["KAFKA_PROPERTIES_FILE"]).read_text()
        without_key = Path(by_certificate["KAFKA_PROPERTIES_FILE"]).read_text().split("ssl.certificate")[0]
        plain = {"KAFKA_BOOTSTRAP_SERVERS": scene.stand.broker.address}
        ca = str(self._broker.authority.ca)
        troubles = [
            (
                "wrong CA",
                by_password | self._file("wrong-ca", text.replace(ca, str(stranger.ca))),
                "certificate verify",
            ),
            ("plaintext against TLS", {"KAFKA_BOOTSTRAP_SERVERS": self._broker.scram}, "security.protocol"),
            ("TLS against plaintext", by_password | plain, "ssl handshake failed"),
            ("no certificate", by_certificate | self._file("no-certificate", without_key), "certificate"),
        ]
        self._rights.let_in("late", "another one")
        self._rights.grant("late", of_run(scene.stand.names))
        with scene.event("wrong password, until it is put right at the broker"):
            yield from self._told(scene, by_password, "authentication failed", put_right=True)
        for what, settings, words in troubles[: 1 if self.short else None]:
            with scene.event(what):
                yield from self._told(scene, settings, words)

    def _told(self, scene: Scene, settings: dict[str, str], words: str, put_right: bool = False) -> Script:
        stand = scene.stand
        name = f"worker-of-{len(scene.events)}"
        probe = stand.start(Worker, name, stand.binary, stand.env | settings, stand.ports)
        yield from scene.tells(probe, words, within_s=NOTICED_S)
        commands = [("dlt", "list")] if self.short else [("topics",), ("dlt", "list")]
        for command in commands:
            ended = yield from scene.command(*command, settings=settings)
            told = words in ended.said.lower() and ended.code not in (0, None)
            scene.expect(told, f"{' '.join(command)} ended with {ended.code} and does not tell {words}: {ended.said}")
            scene.expect(PASSWORD not in ended.said, f"{' '.join(command)} tells the password")
        if put_right:
            self._rights.let_in("late", PASSWORD)
            yield from scene.until(f"{probe.name} is ready", probe.is_ready, BACK_S)
        yield from scene.stop(probe)
        scene.expect(PASSWORD not in probe.log.read_text(errors="replace"), "the log tells the password")

    def _by_password(self, user: str) -> dict[str, str]:
        properties = (
            f"security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nssl.ca.location={self._broker.authority.ca}\n"
            f"sasl.username={user}\nsasl.password={PASSWORD}\n"
        )
        return {"KAFKA_BOOTSTRAP_SERVERS": self._broker.scram} | self._file(f"{user}-password", properties)

    def _by_certificate(self, user: str) -> dict[str, str]:
        certificate, key = self._broker.authority.certificate(user)
        properties = (
            f"security.protocol=SSL\nssl.ca.location={self._broker.authority.ca}\n"
            f"ssl.certificate.location={certificate}\nssl.key.location={key}\n"
        )
        return {"KAFKA_BOOTSTRAP_SERVERS": self._broker.mutual} | self._file(f"{user}-certificate", properties)

    def _file(self, name: str, properties: str) -> dict[str, str]:
        path = self._folder / f"{name}.properties"
        path.write_text(properties)
        return {"KAFKA_PROPERTIES_FILE": str(path)}


CALLER = 7
CALLS: dict[str, tuple[str, dict[str, object]]] = {
    FEEDBACK: ("/api/v1/feedback/create", {"question": "캐시란?", "answer": "사본입니다."}),
    INIT: ("/api/v1/resume/agent/init", {"inputs": {"email": "hong@example.kr"}}),
    ANSWER: ("/api/v1/resume/agent/update", {"inputs": {"answer": "응답 시간을 절반으로 줄였습니다."}}),
}


class Gateway:
    """The gateway as a process, and a caller of it."""

    asked = 0
    """How often one was."""

    def __init__(self, scene: Scene, settings: dict[str, str]) -> None:
        self._address = f"127.0.0.1:{scene.stand.ports.free()}"
        name = f"gateway-{next(GATEWAYS)}"
        self.process: Service = scene.stand.command(
            name, "gateway", settings=settings | {"GATEWAY_ADDR": self._address}
        )

    def is_alive(self) -> bool:
        return self._get("/livez")[0] == 200

    def is_ready(self) -> bool:
        return self._get("/readyz")[0] == 200

    def warns(self, words: str) -> Callable[[], bool]:
        return lambda: words in self.process.errors.read_text(errors="replace")

    def tells(self, topic: str) -> Callable[[], bool]:
        def holds() -> bool:
            status, said = self._get("/readyz")
            said = said.lower()
            return status != 200 and topic.lower() in said and any(word in said for word in DENIED)

        return holds

    def ask(self, scene: Scene, flow: str) -> Steps[int]:
        """A caller who waits for what comes; the status of the reply. All are one member, who is in one interview."""
        Gateway.asked += 1
        path, asked = CALLS[flow]
        # Nobody asks for the same twice, which would be paid twice.
        asked = {name: f"{text} ({Gateway.asked})" if isinstance(text, str) else text for name, text in asked.items()}
        url, body = f"http://{self._address}{path}", json.dumps({"memberId": CALLER} | asked)
        command = ["curl", "-s", "-m", "60", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", body]
        command += ["-H", "content-type: application/json", url]
        name = f"caller-of-{self.process.name}-{Gateway.asked}"
        process = scene.stand.start(lambda folder: Service(name, folder, command))
        yield from scene.until("the caller of the gateway is answered", lambda: process.exit_code() is not None, 70.0)
        said = process.log.read_text()
        return int(said) if said.isdigit() else 0

    def _get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self._address}{path}", timeout=LOOK_S) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""


def _warned(worker: Worker, since: int, word: str) -> Callable[[], bool]:
    def holds() -> bool:
        lines = worker.log.read_bytes()[since:].decode(errors="replace").splitlines()
        return any("WARN" in line and word in line for line in lines)

    return holds
