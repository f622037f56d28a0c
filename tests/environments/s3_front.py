"""S3 behind TLS: moto, with rights that it enforces, and before it a front that ends TLS, knows signed links (moto does not), and
refuses what it is told to as S3 would. What moto judges itself: keys, signatures, actions and resources of policies. What the
front stages: conditions of a bucket's policy, expired credentials, another region, a bucket that is gone."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import ssl
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from authority import Authority
from services import Ports, Storage

REGION = "us-east-1"
ASKING_S = 10.0
PUT_HEADERS = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id")
CREDENTIAL = re.compile(r"Credential=([^/]+)/")
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Refusal:
    status: int
    code: str
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        return f"<?xml version='1.0'?><Error><Code>{self.code}</Code><Message>staged</Message></Error>".encode()


Rule = Callable[[str, str, Any], Refusal | None]
"""Of a method, a path and headers."""

EXPIRED = Refusal(400, "ExpiredToken")
ELSEWHERE = Refusal(301, "PermanentRedirect", {"x-amz-bucket-region": "eu-north-1"})
GONE = Refusal(404, "NoSuchBucket")
DENIED = Refusal(403, "AccessDenied")


def always(refusal: Refusal) -> Rule:
    return lambda method, path, headers: refusal


def unless_encrypted(key_id: str) -> Rule:
    """As a bucket's policy that denies each put without this encryption."""

    def rule(method: str, path: str, headers: Any) -> Refusal | None:
        algorithm, key = (headers.get(name) for name in PUT_HEADERS)
        return None if method != "PUT" or (algorithm, key) == ("aws:kms", key_id) else DENIED

    return rule


class Front(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who goes away, or trusts nobody here, is part of what is tried."""


class SafeStorage(Storage):
    """Whoever comes by `port` comes to moto itself, without TLS; by `url` through the front."""

    def __init__(self, folder: Path, services: Path, ports: Ports) -> None:
        super().__init__(folder, services, ports)
        authority = Authority(folder, "s3-authority")
        self.ca = authority.ca
        self.rule: Rule | None = None
        self._secrets: dict[str, str] = {}
        self._front_port = ports.free()
        self.url = f"https://127.0.0.1:{self._front_port}"
        self._front = Front(("127.0.0.1", self._front_port), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.certificate("s3"))
        # Each connection shakes hands in its own thread: one that does not must not hold up the others.
        self._front.socket = context.wrap_socket(self._front.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._front.serve_forever, daemon=True).start()

    def kill(self) -> None:
        self._front.shutdown()
        self._front.server_close()
        super().kill()

    def enforce(self, users: dict[str, Any]) -> None:
        """From now on only these may come, and do what their policies say. Beside them there is `admin`."""
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self._iam = self._client("any", "any")
        self.keys = {name: self._user(name, policy) for name, policy in (users | {"admin": everything}).items()}
        self._iam = self._client(*self.keys["admin"])
        where, plain = f"http://127.0.0.1:{self.port}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        counting = urllib.request.Request(where, data=b"0", headers=plain)
        urllib.request.urlopen(counting, timeout=ASKING_S).close()

    def grant(self, user: str, policy: dict[str, Any]) -> None:
        """This, and nothing else."""
        self._iam.put_user_policy(UserName=user, PolicyName="rights", PolicyDocument=json.dumps(policy))

    def settings_of(self, user: str) -> dict[str, str]:
        key, secret = self.keys[user]
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}

    def pass_on(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        sent = {name: value for name, value in headers.items() if name.lower() not in ("connection", "expect")}
        if "X-Amz-Signature" in target:
            answered = self._signed_link(method, target, headers)
            if isinstance(answered, Refusal):
                return answered.status, [], answered.body()
            target, sent = answered
        elif "%2F" in target and (key := CREDENTIAL.search(headers.get("Authorization", ""))) is not None:
            # Of a query moto checks the signature of what it has decoded. What is judged is what this key may do.
            target = target.replace("%2F", "/")
            sent = self._signed(method, target, headers["Host"], key[1])
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, target, body or None, sent)
            reply = connection.getresponse()
            return reply.status, reply.getheaders(), reply.read()
        finally:
            connection.close()

    def _signed_link(self, method: str, target: str, headers: Any) -> Refusal | tuple[str, dict[str, str]]:
        """A link that is right goes on as a request that its signer signs: moto then judges whether that one may."""
        path, query = urlsplit(target).path, urlsplit(target).query
        said = {name: values[0] for name, values in parse_qs(query).items()}
        key, date, region, service, _ = said["X-Amz-Credential"].split("/")
        if (secret := self._secrets.get(key)) is None:
            return Refusal(403, "InvalidAccessKeyId")
        unsigned = "&".join(sorted(part for part in query.split("&") if not part.startswith("X-Amz-Signature=")))
        canonical = f"{method}\n{path}\n{unsigned}\nhost:{headers['Host']}\n\nhost\nUNSIGNED-PAYLOAD"
        scope = f"{date}/{region}/{service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{said['X-Amz-Date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signer = f"AWS4{secret}".encode()
        for part in (date, region, service, "aws4_request"):
            signer = hmac.digest(signer, part.encode(), "sha256")
        if hmac.new(signer, text.encode(), "sha256").hexdigest() != said["X-Amz-Signature"]:
            return Refusal(403, "SignatureDoesNotMatch")
        signed_at = datetime.strptime(said["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if (datetime.now(UTC) - signed_at).total_seconds() > int(said["X-Amz-Expires"]):
            return DENIED
        return path, self._signed(method, path, headers["Host"], key)

    def _signed(self, method: str, target: str, host: str, key: str) -> dict[str, str]:
        request = AWSRequest(method=method, url=f"http://{host}{target}", headers={"Host": host})
        S3SigV4Auth(Credentials(key, self._secrets.get(key, "")), "s3", REGION).add_auth(request)
        return dict(request.headers.items())

    def _user(self, name: str, policy: dict[str, Any]) -> tuple[str, str]:
        self._iam.create_user(UserName=name)
        self.grant(name, policy)
        made = self._iam.create_access_key(UserName=name)["AccessKey"]
        self._secrets[made["AccessKeyId"]] = made["SecretAccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def _client(self, key: str, secret: str) -> Any:
        return boto3.client(
            "iam", endpoint_url=f"http://127.0.0.1:{self.port}", region_name=REGION, aws_access_key_id=key,
            aws_secret_access_key=secret,
        )  # fmt: skip


def _handler(storage: SafeStorage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            refusal = storage.rule(self.command, self.path, self.headers) if storage.rule is not None else None
            if refusal is not None:
                status, headers, answer = refusal.status, list(refusal.headers.items()), refusal.body()
            else:
                try:
                    status, headers, answer = storage.pass_on(self.command, self.path, self.headers, body)
                except OSError:
                    self.close_connection = True
                    return
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            is_head = self.command == "HEAD"
            said = {name.lower(): value for name, value in headers}.get("content-length", "0")
            self.send_header("Content-Length", said if is_head else str(len(answer)))
            self.end_headers()
            if not is_head:
                self.wfile.write(answer)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
