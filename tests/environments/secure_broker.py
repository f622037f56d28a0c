"""A broker with TLS, passwords, certificates of clients, and rights."""

from __future__ import annotations

from pathlib import Path

from authority import Authority
from services import Broker, Ports


class SecureBroker(Broker):
    """Whoever comes to `scram` needs a password, whoever comes to `mutual` a certificate; both may do what ACLs allow. At
    `address` is no lock: there operators and members come in."""

    def __init__(self, folder: Path, services: Path, ports: Ports) -> None:
        open_, inner, controller, self.scram, self.mutual = (f"127.0.0.1:{ports.free()}" for _ in range(5))
        self.authority = Authority(folder)
        certificate, key = self.authority.certificate("broker")
        listeners = f"OUT://{open_},SCRAM://{self.scram},MUTUAL://{self.mutual},IN://{inner}"
        jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        other = {
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"{listeners},CONTROLLER://{controller}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "OUT:PLAINTEXT,SCRAM:SASL_SSL,MUTUAL:SSL,IN:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config": jaas,
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.mutual.ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        for listener in ("scram", "mutual"):
            other |= {
                f"listener.name.{listener}.ssl.keystore.type": "PEM",
                f"listener.name.{listener}.ssl.keystore.key": _line(key),
                f"listener.name.{listener}.ssl.keystore.certificate.chain": _line(certificate),
                f"listener.name.{listener}.ssl.truststore.type": "PEM",
                f"listener.name.{listener}.ssl.truststore.certificates": _line(self.authority.ca),
            }
        super().__init__(folder, services, ports, address=open_, other=other)


def _line(pem: Path) -> str:
    """Kafka takes PEM in one line."""
    return pem.read_text().strip().replace("\n", " ")
