"""Records, requests and outcomes as they look on the wire, and the names of contract sections 1 and 4."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Headers = list[tuple[str, bytes | None]]

FEEDBACK, INIT, ANSWER = "feedback", "init", "answer"
FLOWS = (FEEDBACK, INIT, ANSWER)

FEEDBACK_GENERATED = "FeedbackGenerated"
QUESTION_GENERATED = "ResumeQuestionGenerated"
RESUME_COMPLETED = "ResumeCompleted"
REQUEST_FAILED = "RequestFailed"
PROGRESS = "RequestProgress"

UNDECODABLE = "UNDECODABLE"


@dataclass(frozen=True)
class Names:
    """Topics, consumer groups and the storage prefix, under the worker's own setting names."""

    requests: Mapping[str, str]
    """Flow to request topic."""
    outcomes: Mapping[str, str]
    """Outcome topic to outcome type (the topic's default name)."""
    groups: Mapping[str, str]
    """Flow to the worker's consumer group."""
    dead_letter_suffix: str
    bucket: str
    upload_prefix: str
    progress: str
    """The topic of progress; empty where none is sent."""

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Names:
        def setting(name: str, default: str) -> str:
            return env.get(name) or default

        progress = setting("TOPIC_REQUEST_PROGRESS", PROGRESS)
        resume_group = setting("GROUP_RESUME", "ssammu-resume")
        return cls(
            requests={
                FEEDBACK: setting("TOPIC_FEEDBACK_REQUESTED", "FeedbackRequested"),
                INIT: setting("TOPIC_RESUME_INIT", "ResumeInit"),
                ANSWER: setting("TOPIC_RESUME_ANSWER", "ResumeAnswer"),
            },
            outcomes={
                setting("TOPIC_FEEDBACK_GENERATED", FEEDBACK_GENERATED): FEEDBACK_GENERATED,
                setting("TOPIC_RESUME_QUESTION_GENERATED", QUESTION_GENERATED): QUESTION_GENERATED,
                setting("TOPIC_RESUME_COMPLETED", RESUME_COMPLETED): RESUME_COMPLETED,
                setting("TOPIC_REQUEST_FAILED", REQUEST_FAILED): REQUEST_FAILED,
            },
            groups={
                FEEDBACK: setting("GROUP_FEEDBACK", "ssammu-feedback"),
                INIT: resume_group,
                ANSWER: resume_group,
            },
            dead_letter_suffix=setting("DEAD_LETTER_SUFFIX", "-dlt"),
            bucket=setting("S3_BUCKET_NAME", "resumes"),
            upload_prefix=setting("S3_UPLOAD_PREFIX", "resume/"),
            progress="" if progress == "off" else progress,
        )

    def dead_letter_topics(self) -> list[str]:
        return [topic + self.dead_letter_suffix for topic in self.requests.values()]


@dataclass(frozen=True)
class Record:
    """A record as a consumer saw it; `arrived` is in seconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    arrived: float

    def last_header(self, name: str) -> bytes | None:
        return next((value for key, value in reversed(self.headers) if key == name), None)

    def text_header(self, name: str) -> str:
        return (self.last_header(name) or b"").decode("utf-8", "replace")


@dataclass(frozen=True)
class Expected:
    """What the contract promises for a request whose outcome does not depend on a session."""

    type: str
    code: str = ""
    field: str = ""


@dataclass(frozen=True, eq=False)
class Request:
    """A request that this program sends, and all that is needed to judge its outcome."""

    flow: str
    member: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    about: str
    """Names the request in a violation."""
    id: str | None = None
    """None: the request's id is its topic, partition and offset."""
    clicks: int = 1
    """How many records with this id are sent."""
    age_ms: int = 0
    """How far in the past the record's timestamp lies."""
    expected: Expected | None = None
    """None: the session decides."""
    problem_id: int | None = None
    context: str | None = None
    """The JSON that must come back; None: nothing must."""
    inputs: tuple[tuple[str, Any], ...] | None = None
    """Of an init: what the member entered, however it was written."""
    means: str | None = None
    """Of an answer: the id of the question that the member saw when answering; None: nothing was on the screen."""
    replay: int = 0
    """How often it had been replayed from the dead letters when it came."""
    since: float | None = None
    """When its member first asked for it, where this record stands for one that may have been lost; seconds since the epoch."""

    @property
    def is_undecodable(self) -> bool:
        return self.expected is not None and self.expected.code == UNDECODABLE

    def last_header(self, name: str) -> str | None:
        found = next((value for key, value in reversed(self.headers) if key == name), None)
        return None if found is None else found.decode()


@dataclass(frozen=True)
class Sent:
    """Where Kafka put a request; `timestamp_type` is Kafka's name for it, `at` is in seconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: str
    at: float
    generation: int = 0
    """Which topic of this name it lies in: one may be deleted and made again."""

    @property
    def address(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Outcome:
    """A record of an outcome topic, read as far as it can be read."""

    record: Record
    type: str
    body: dict[str, Any]
    faults: list[str] = field(default_factory=list)
    """Why the value is no JSON object, if it is none."""

    @property
    def ce_id(self) -> str:
        return self.record.text_header("ce_id")

    @property
    def causation(self) -> str:
        return self.record.text_header("ce_causationid")

    @property
    def code(self) -> str:
        return str(self.body.get("code", "")) if self.type == REQUEST_FAILED else ""

    @property
    def retryable(self) -> bool:
        return self.type == REQUEST_FAILED and self.body.get("retryable") is True

    @property
    def context(self) -> Any:
        return dict(exact((self.record.value or b"").decode())).get("context")

    def members(self) -> set[int]:
        """The members that the key and the value name: one, unless the record is wrong."""
        key = (self.record.key or b"").decode("utf-8", "replace")
        found = number_in(key)
        if type(member := self.body.get("memberId")) is int:
            found.add(member)
        return found

    def content(self) -> dict[str, Any]:
        """What a repeat must say again: all but the link, which is signed anew each time."""
        return {k: v for k, v in self.body.items() if k not in ("resumeUrl", "resumeUrlExpiresAt")}


def read_outcome(record: Record, type_: str) -> Outcome:
    """Reads the value strictly: UTF-8, one object, no name twice, no NaN."""
    try:
        body = json.loads((record.value or b"").decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return Outcome(record, type_, {}, [f"the value is not JSON: {error}"])
    if not isinstance(body, dict):
        return Outcome(record, type_, {}, ["the value is not a JSON object"])
    return Outcome(record, type_, body)


def exact(text: str) -> Any:
    """JSON with every digit, and all names in their order: a number is its text, an object a tuple of pairs."""

    def number(digits: str) -> tuple[str, str]:
        return ("number", digits)

    return json.loads(text, object_pairs_hook=tuple, parse_int=number, parse_float=number)


def number_in(text: str) -> set[int]:
    """The number that a text is, if it is one that a Java long may hold."""
    return {int(text)} if text.isascii() and text.isdigit() and len(text) < 20 else set()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
