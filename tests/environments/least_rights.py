"""The least rights, as docs/environments.md gives them: what people copy from there is what is tried here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs/environments.md"
PLACEHOLDER = "CHANGE-ME"
"""In place of a password, on the page."""


def block(kind: str, number: int = 0) -> str:
    """A fenced block of the page by its language."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found[number]


@dataclass(frozen=True)
class RedisUser:
    """A line of an ACL file."""

    name: str
    rights: tuple[str, ...]

    @property
    def commands(self) -> list[str]:
        return [right[1:] for right in self.rights if right.startswith("+")]

    @property
    def keys(self) -> list[str]:
        return [right for right in self.rights if right.startswith("~")]

    def without(self, *rights: str) -> RedisUser:
        return replace(self, rights=tuple(right for right in self.rights if right not in rights))

    def with_(self, rights: list[str]) -> RedisUser:
        return replace(self, rights=(*self.rights, *rights))

    def called(self, name: str) -> RedisUser:
        return replace(self, name=name)

    def words(self, password: str) -> list[str]:
        """What follows `ACL SETUSER`: these rights and no others."""
        return [self.name, "reset", *(f">{password}" if PLACEHOLDER in right else right for right in self.rights)]

    def line(self, password: str) -> str:
        """As a server reads it from its settings."""
        name, *rest = self.words(password)
        return " ".join(["user", name, *(f'"{word}"' if " " in word else word for word in rest)])


def redis_users() -> dict[str, RedisUser]:
    lines = [line.split() for line in block("acl").splitlines() if line.startswith("user ")]
    return {name: RedisUser(name, tuple(rights)) for _, name, *rights in lines}


def redis_rights_beside(row: str, cell: int = 1) -> list[str]:
    """What the page's table adds where this is used."""
    line = next(line for line in PAGE.read_text().splitlines() if line.startswith("| `") and row in line)
    return [right.replace("\\|", "|") for right in re.findall(r"`(\+[^`]+)`", re.split(r"(?<!\\)\|", line)[cell + 1])]


def s3_policies() -> dict[str, Any]:
    """The worker's, and what operators need beside it."""
    return {"worker": json.loads(block("json", 0)), "operator": json.loads(block("json", 1))}


def without_action(policy: dict[str, Any], action: str) -> dict[str, Any]:
    def kept(statement: dict[str, Any]) -> dict[str, Any]:
        return statement | {"Action": [one for one in statement["Action"] if one != action]}

    return policy | {
        "Statement": [kept(statement) for statement in policy["Statement"] if statement["Action"] != [action]]
    }
