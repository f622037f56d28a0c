"""S3 over TLS of an own authority, with policies that say what docs/environments.md says and no more."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3

from environment import Environment
from faults import LOOK_S, Script
from least_rights import s3_policies, without_action
from s3_front import ELSEWHERE, EXPIRED, GONE, REGION, SafeStorage, always, unless_encrypted
from scene import Scene
from services import Ports

TOLD_S = 30.0
REFUSED_S = 6.0
"""How long finished résumés wait, at least."""
KEY_ID = "arn:aws:kms:us-east-1:123456789012:key/resumes"
ANSWER_S = 10.0


class S3TlsPolicies(Environment):
    name = "s3-tls-policies"
    about = "S3 behind TLS with an own authority, policies with the least rights"

    def storage(self, folder: Path, services: Path, ports: Ports) -> SafeStorage:
        return SafeStorage(folder, services, ports)

    def settings(self, stand) -> dict[str, str]:
        storage: SafeStorage = stand.storage
        policies = s3_policies()
        self._policy: dict[str, Any] = policies["worker"]
        operators = policies["operator"] | {"Statement": self._policy["Statement"] + policies["operator"]["Statement"]}
        storage.enforce({"worker": self._policy, "operator": operators})
        # The judge reads documents as who may do everything, and follows links through the front.
        os.environ.update(storage.settings_of("admin") | {"SSL_CERT_FILE": str(storage.ca)})
        # The session that made the bucket remembers who it was.
        boto3.setup_default_session()
        return storage.settings_of("worker") | {
            "RUST_LOG": self.log,
            "AWS_ENDPOINT_URL_S3": storage.url,
            "AWS_CA_BUNDLE": str(storage.ca),
        }

    def script(self, scene: Scene) -> Script:
        storage: SafeStorage = scene.stand.storage
        with scene.event("s3:PutObject and s3:GetObject on the prefix, no s3:ListBucket"):
            yield from scene.dialogue()
            yield from scene.all_ready()
            yield from self._operators(scene)
        with scene.event("s3:PutObject is taken away: finished résumés wait"):
            storage.grant("worker", without_action(self._policy, "s3:PutObject"))
            yield from self._waits(scene, "denied (403)")
            storage.grant("worker", self._policy)
            yield from scene.all_ready()
        with scene.event("s3:GetObject is taken away: links are refused"):
            yield from self._links(scene, storage)
        with scene.event("the bucket demands encryption with a key"):
            storage.rule = unless_encrypted(KEY_ID)
            yield from self._waits(scene, "denied (403)")
        with scene.event("S3_SSE and S3_SSE_KMS_KEY_ID, one worker after the other", moves=True):
            yield from scene.roll(lambda number: {"S3_SSE": "aws:kms", "S3_SSE_KMS_KEY_ID": KEY_ID})
            yield from scene.dialogue()
            self._are_encrypted(scene)
            storage.rule = None
        yield from self._keys(scene, storage)
        for what, refusal, words in (
            ("credentials that have expired", EXPIRED, "ExpiredToken"),
            ("the bucket is in another region", ELSEWHERE, "another region (301)"),
            ("the bucket is gone", GONE, "no such bucket (404)"),
        ):
            if not self.short or refusal is EXPIRED:
                with scene.event(f"{what} (staged), put right"):
                    storage.rule = always(refusal)
                    yield from self._waits(scene, words)
                    storage.rule = None
                    yield from scene.all_ready()
        yield 2.0
        _, secret = storage.keys["worker"]
        told = [worker.name for worker in scene.stand.workers if secret in worker.log.read_text()]
        scene.expect(not told, f"a secret stands in the log of {told}")

    def _waits(self, scene: Scene, *words: str) -> Script:
        """Whoever has something to store says why it does not; what is finished meanwhile waits, and is judged like all else."""

        def is_told() -> bool:
            said = [scene.reasons(worker) for worker in scene.stand.workers]
            return any("s3" in one and all(word.lower() in one for word in words) for one in said)

        yield from scene.until(f"a worker tells {' and '.join(words)} of s3", is_told, TOLD_S)
        yield 0.0 if self.short else REFUSED_S

    def _keys(self, scene: Scene, storage: SafeStorage) -> Script:
        worker, right = scene.worker(1), storage.settings_of("worker")
        wrongs = [("a wrong secret", {"AWS_SECRET_ACCESS_KEY": "another"}, "SignatureDoesNotMatch")]
        if not self.short:
            wrongs += [
                ("a wrong key", {"AWS_ACCESS_KEY_ID": "AKIAANOTHER"}, "InvalidAccessKeyId"),
                (
                    "nobody vouches for the store",
                    {"AWS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"},
                    "UnknownIssuer",
                ),
            ]
        for what, wrong, words in wrongs:
            with scene.event(f"{what} at one worker, put right by its next start", moves=True):
                yield from scene.stop(worker)
                worker.set(wrong)
                worker.start()
                yield from scene.tells(worker, "s3", words, within_s=TOLD_S)
                yield from scene.stop(worker)
                worker.set(right | {"AWS_CA_BUNDLE": str(storage.ca)})
                worker.start()
                yield from scene.ready(worker)

    def _operators(self, scene: Scene) -> Script:
        """`session delete` needs more, and says so."""
        ended = yield from scene.command("session", "delete", "5", "--yes")
        scene.expect(ended.code not in (0, None) and "403" in ended.stderr, f"without its rights it said: {ended.said}")
        operator = scene.stand.storage.settings_of("operator")
        ended = yield from scene.command("session", "delete", "5", "--yes", settings=operator)
        scene.expect(ended.code == 0, f"with its rights it said: {ended.said}")

    def _links(self, scene: Scene, storage: SafeStorage) -> Script:
        completed = [outcome for _, outcome in scene.load._documents.values()]
        if not scene.expect(bool(completed), "no résumé has come"):
            return
        url = str(completed[-1].body["resumeUrl"])
        scene.expect(_status(url) == 200, f"the link of a résumé gives {_status(url)}")
        storage.grant("worker", without_action(self._policy, "s3:GetObject"))
        scene.expect(_status(url) == 403, f"without the right the link gives {_status(url)}")
        storage.grant("worker", self._policy)
        yield LOOK_S

    def _are_encrypted(self, scene: Scene) -> None:
        client = boto3.client("s3", region_name=REGION)
        keys = list(scene.load._documents)
        head = client.head_object(Bucket=scene.stand.names.bucket, Key=keys[-1])
        scene.expect(
            (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) == ("aws:kms", KEY_ID),
            f"the last document is encrypted with {head.get('ServerSideEncryption')}, {head.get('SSEKMSKeyId')}",
        )


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
