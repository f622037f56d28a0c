"""What a single outcome must look like: contract sections 3, 4 and 6. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from wire import (
    ANSWER,
    FEEDBACK,
    FEEDBACK_GENERATED,
    INIT,
    QUESTION_GENERATED,
    REQUEST_FAILED,
    RESUME_COMPLETED,
    Names,
    Outcome,
    Request,
    exact,
)

RETRYABLE = {
    "INVALID_REQUEST": False,
    "INPUT_TOO_LONG": False,
    "NO_ACTIVE_SESSION": False,
    "STALE_ANSWER": False,
    "LLM_UNAVAILABLE": True,
    "LLM_BAD_OUTPUT": True,
    "STORAGE_UNAVAILABLE": True,
    "DEADLINE_EXCEEDED": True,
    "INTERNAL": True,
}
DEAD_LETTERED = {"INTERNAL", "LLM_UNAVAILABLE", "LLM_BAD_OUTPUT", "STORAGE_UNAVAILABLE"}
EVENT_NAMES = {FEEDBACK: "PROBLEM_FEEDBACK", INIT: "ADVANCED_RESUME_INIT", ANSWER: "ADVANCED_RESUME_UPDATE"}
TYPES_OF = {
    FEEDBACK: {FEEDBACK_GENERATED, REQUEST_FAILED},
    INIT: {QUESTION_GENERATED, RESUME_COMPLETED, REQUEST_FAILED},
    ANSWER: {QUESTION_GENERATED, RESUME_COMPLETED, REQUEST_FAILED},
}
REQUIRED_HEADERS = (
    "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type", "ce_causationid",
)  # fmt: skip
OPTIONAL_HEADERS = ("ce_correlationid", "traceparent", "tracestate")

ISO_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|\+00:00)")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
HANGUL = re.compile(r"[가-힣]")
LABEL = re.compile(r"\s*[*#>\"'\[]*\s*(피드백|feedback|답변|answer|assistant)\s*[\]*]*\s*[:：]", re.IGNORECASE)
QUESTION_MARKUP = re.compile(r"\s*([-*•▪#>]\s|\*\*|Q\s*\d*\s*[.:：)]|질문\s*\d*\s*[.:：)]|\d+\s*[.)]\s)", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?。！？…다요죠까][)\]\"'”’」』*_`]*")
CODE_FENCE = "```"

Rule = Callable[[Any], bool]


def check_outcome(outcome: Outcome, request: Request, request_id: str, names: Names) -> list[str]:
    """All that is wrong with an outcome of this request, as sentences; empty when it is right."""
    faults = list(outcome.faults)
    if outcome.type not in TYPES_OF[request.flow]:
        faults.append(f"{outcome.type} is no outcome of {names.requests[request.flow]}")
    faults += check_headers(outcome, request, request_id)
    if outcome.record.key != str(request.member).encode():
        faults.append(f"the key is {outcome.record.key!r}, not the member id in decimal")
    if not outcome.faults:
        faults += check_fields(outcome.body, _fields(outcome, request, request_id, names))
        expires = _instant(outcome.body.get("resumeUrlExpiresAt"))
        if expires is not None and expires.timestamp() <= outcome.record.arrived:
            faults.append("resumeUrl had expired when it arrived")
        if outcome.type == REQUEST_FAILED:
            faults += _check_failure(outcome.body, request)
    return faults


def _instant(value: Any) -> datetime | None:
    """An ISO-8601 time in UTC; None for anything else."""
    if not isinstance(value, str) or ISO_UTC.fullmatch(value) is None:
        return None
    try:
        # datetime keeps six digits of a second, Java's Instant writes up to nine.
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        return None


def _is_iso_utc(value: Any) -> bool:
    return _instant(value) is not None


def check_headers(outcome: Outcome, request: Request, request_id: str) -> list[str]:
    faults = []
    names = [name for name, _ in outcome.record.headers]
    for name in REQUIRED_HEADERS:
        if name not in names:
            faults.append(f"the header {name} is missing")
    for name in sorted(set(names)):
        if name not in REQUIRED_HEADERS and name not in OPTIONAL_HEADERS:
            faults.append(f"the contract knows no header {name!r}")
        if names.count(name) > 1:
            faults.append(f"the header {name} comes {names.count(name)} times")

    expected = {
        "ce_specversion": "1.0",
        "ce_source": "/ssammu-worker",
        "ce_type": outcome.type,
        "ce_subject": str(request.member),
        "content-type": "application/json",
        "ce_causationid": request_id,
    }
    for name, value in expected.items():
        if name in names and (found := outcome.record.text_header(name)) != value:
            faults.append(f"{name} is {found!r}, not {value!r}")
    if "ce_id" in names and not _is_uuid5(outcome.ce_id):
        faults.append(f"ce_id {outcome.ce_id!r} is not a UUID of version 5")
    if "ce_time" in names and not _is_iso_utc(found := outcome.record.text_header("ce_time")):
        faults.append(f"ce_time {found!r} is not an ISO-8601 time in UTC")

    correlation = request.last_header("ce_correlationid")
    if correlation is None and "ce_correlationid" in names:
        faults.append("ce_correlationid is there, though the request had none")
    elif correlation is not None and outcome.record.text_header("ce_correlationid") != correlation:
        faults.append(f"ce_correlationid is not the request's {correlation!r}")
    return faults + _check_trace(outcome, request)


def _check_trace(outcome: Outcome, request: Request) -> list[str]:
    sent, found = request.last_header("traceparent"), outcome.record.text_header("traceparent")
    if sent is None:
        return []
    match = TRACEPARENT.fullmatch(found)
    if match is None:
        return [f"traceparent {found!r} does not carry the request's trace on"]
    if match[1] != sent.split("-")[1]:
        return [f"traceparent {found!r} is of another trace than the request's last one, {sent!r}"]
    state = request.last_header("tracestate")
    if state is not None and state not in outcome.record.text_header("tracestate"):
        return ["tracestate was not carried on"]
    return []


def _is_uuid5(text: str) -> bool:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return False
    return str(parsed) == text and parsed.version == 5


def _fields(outcome: Outcome, request: Request, request_id: str, names: Names) -> dict[str, tuple[str, Rule]]:
    """Every field that the outcome must have, with what it must be; it may have no other."""
    fields: dict[str, tuple[str, Rule]] = {"memberId": (f"the number {request.member}", is_equal_to(request.member))}
    if outcome.type == FEEDBACK_GENERATED:
        fields["feedback"] = ("1 to 1,000 characters of whole sentences without a label", is_feedback)
    elif outcome.type == QUESTION_GENERATED:
        fields |= {
            "isComplete": ("false", is_equal_to(False)),
            "sessionId": ("text", is_text),
            "questionId": ("text", is_text),
            "questionNumber": ("from 1 to maxQuestions", lambda v: is_between(v, 1, outcome.body.get("maxQuestions"))),
            "maxQuestions": ("a number from 1", lambda v: is_between(v, 1, v)),
            "question": ("1 to 500 characters without markup", _is_question),
        }
    elif outcome.type == RESUME_COMPLETED:
        fields |= {
            "isComplete": ("true", is_equal_to(True)),
            "sessionId": ("text", is_text),
            "resumeObjectKey": ("text", is_text),
            "resumeUrl": ("a URL", lambda v: isinstance(v, str) and re.match(r"https?://[^\s/]", v) is not None),
            "resumeUrlExpiresAt": ("an ISO-8601 time in UTC", _is_iso_utc),
            "degraded": ("true or false", lambda v: isinstance(v, bool)),
        }
    else:
        fields |= {
            "eventName": (EVENT_NAMES[request.flow], is_equal_to(EVENT_NAMES[request.flow])),
            "code": ("a code of section 3", lambda v: isinstance(v, str) and v in RETRYABLE),
            "message": ("a Korean message", lambda v: isinstance(v, str) and HANGUL.search(v) is not None),
            "retryable": (
                "what section 3 says of the code",
                lambda v: isinstance(v, bool) and v is RETRYABLE.get(outcome.code),
            ),
            "requestTopic": (names.requests[request.flow], is_equal_to(names.requests[request.flow])),
            "requestId": (repr(request_id), is_equal_to(request_id)),
        }
        if outcome.code == "INVALID_REQUEST":
            fields["field"] = ("text", is_text)
    if request.problem_id is not None and outcome.type in (FEEDBACK_GENERATED, REQUEST_FAILED):
        fields["problemId"] = (f"the number {request.problem_id}", is_equal_to(request.problem_id))
    if (context := request.context) is not None:
        fields["context"] = (f"the request's {context}", lambda _: outcome.context == exact(context))
    return fields


def check_fields(body: dict[str, Any], fields: dict[str, tuple[str, Rule]]) -> list[str]:
    faults = [f"the field {name} is missing" for name in fields if name not in body]
    for name, value in body.items():
        if value is None:
            faults.append(f"{name} is null")
        elif name not in fields:
            faults.append(f"the contract knows no field {name!r} here")
        elif not fields[name][1](value):
            shown = repr(value) if len(repr(value)) <= 120 else repr(value)[:120] + "..."
            faults.append(f"{name} is {shown}, not {fields[name][0]}")
    return faults


def _check_failure(body: dict[str, Any], request: Request) -> list[str]:
    if request.expected is None or not request.expected.field or body.get("code") != "INVALID_REQUEST":
        return []
    # Section 2 writes `inputs.email` but `major_type`: both ways of naming a field of the inputs are taken.
    wanted, found = request.expected.field, str(body.get("field", ""))
    faults = []
    if found.removeprefix("inputs.") != wanted:
        faults.append(f"field is {found!r}, but the rule of {wanted!r} was broken")
    if wanted not in str(body.get("message", "")):
        faults.append(f"message does not name the field {wanted!r}")
    return faults


def is_equal_to(wanted: Any) -> Rule:
    # 1 == True and 7 == 7.0 in Python; on the wire they differ.
    return lambda value: type(value) is type(wanted) and value == wanted


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def is_between(value: Any, least: int, most: Any) -> bool:
    return type(value) is int and type(most) is int and least <= value <= most


def is_feedback(value: Any) -> bool:
    return (
        is_text(value)
        and len(value) <= 1000
        and LABEL.match(value) is None
        and CODE_FENCE not in value
        and re.search(SENTENCE_END.pattern + r"\s*\Z", value) is not None
    )


def _is_question(value: Any) -> bool:
    return (
        is_text(value)
        and len(value) <= 500
        and QUESTION_MARKUP.match(value) is None
        and "**" not in value
        and CODE_FENCE not in value
    )
