"""Who may do what at a broker, and what the least is that each command needs. docs/environments.md has it as a table."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from wire import Names

KAFKA_S = 15.0
ITERATIONS = 4096


@dataclass(frozen=True)
class Right:
    """To do one thing with one topic or group."""

    operation: AclOperation
    name: str
    kind: ResourceType = ResourceType.TOPIC

    def __str__(self) -> str:
        word = {"DESCRIBE_CONFIGS": "DescribeConfigs"}.get(self.operation.name, self.operation.name.capitalize())
        return f"{word} on {self.name}"


def read(*topics: str) -> list[Right]:
    return [Right(AclOperation.READ, topic) for topic in topics]


def write(*topics: str) -> list[Right]:
    return [Right(AclOperation.WRITE, topic) for topic in topics]


def of_run(names: Names) -> list[Right]:
    """Read brings Describe with it, and so does Write; any Write makes an idempotent producer."""
    groups = [Right(AclOperation.READ, group, ResourceType.GROUP) for group in dict.fromkeys(names.groups.values())]
    written = [*names.outcomes, *names.dead_letter_topics(), names.progress]
    return [*read(*names.requests.values()), *groups, *write(*written)]


def of_gateway(names: Names) -> list[Right]:
    return [*read(*names.requests.values(), *names.outcomes, names.progress), *write(*names.requests.values())]


def of_topics(names: Names) -> list[Right]:
    """To look; to make one that is missing needs Create on it, too."""
    every = [*names.requests.values(), *names.outcomes, *names.dead_letter_topics(), names.progress]
    operations = (AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    return [Right(operation, topic) for operation in operations for topic in every]


def of_dlt_show(names: Names) -> list[Right]:
    return read(*names.dead_letter_topics())


def of_dlt_list(names: Names) -> list[Right]:
    """What was answered meanwhile is found in the outcome topics, as far back as these keep it."""
    kept = [Right(AclOperation.DESCRIBE_CONFIGS, topic) for topic in names.outcomes]
    return [*read(*names.dead_letter_topics(), *names.outcomes), *kept]


def of_dlt_replay(names: Names) -> list[Right]:
    return [*of_dlt_list(names), *write(*names.requests.values())]


class Rights:
    """What an operator does to a broker that has an authorizer."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def let_in(self, user: str, password: str) -> None:
        """With SCRAM; a password that there was is no more."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        self._admin.alter_user_scram_credentials([change])[user].result(KAFKA_S)

    def grant(self, user: str, rights: list[Right]) -> None:
        bindings = [
            AclBinding(
                right.kind, right.name, ResourcePatternType.LITERAL, f"User:{user}", "*", right.operation,
                AclPermissionType.ALLOW,
            )
            for right in rights
        ]  # fmt: skip
        for done in self._admin.create_acls(bindings).values():
            done.result(KAFKA_S)

    def take(self, user: str, right: Right) -> None:
        wanted = AclBindingFilter(
            right.kind, right.name, ResourcePatternType.LITERAL, f"User:{user}", "*", right.operation,
            AclPermissionType.ALLOW,
        )  # fmt: skip
        for done in self._admin.delete_acls([wanted]).values():
            if not done.result(KAFKA_S):
                raise ValueError(f"{user} had no right to {right}")
