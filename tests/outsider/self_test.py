"""Plays a good run to the judge, then the same run with one fault after another, and checks that each is noticed."""

from __future__ import annotations

import io
import json
import struct
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import docx

from documents import check_document
from judge import Judge
from wire import (
    ANSWER,
    FEEDBACK,
    FEEDBACK_GENERATED,
    INIT,
    PROGRESS,
    QUESTION_GENERATED,
    REQUEST_FAILED,
    RESUME_COMPLETED,
    Expected,
    Headers,
    Names,
    Record,
    Request,
    Sent,
)

NOW = 1_795_340_000.0
"""When the run begins: 2026-11-22T09:33:20Z."""
NAMES = Names.from_environment({})
OTHER_SESSION = "5f3f2c1e-9a57-4c5e-8d0c-0b8f7a614b6a"
SESSION = "0b8f7a61-5d0c-4c5e-9a57-3f1d2c4b6a70"
KEY = "resume/103/resume_agent_20261122_183320_0b8f7a61.docx"
SECRET = "비밀낱말"
CONTEXT = '{"id": 9007199254740993, "type": "DAILY", "none": null}'
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class Tape:
    """A recorded run: what was sent, and what came back in the order in which it came."""

    sends: list[tuple[Request, list[Sent]]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def play(self) -> set[str]:
        return {violation.kind for violation in self.violations()}

    def violations(self) -> list:
        return self.judge().verdict()

    def judge(self) -> Judge:
        judge = Judge(NAMES, range(100, 200), dict.fromkeys(NAMES.dead_letter_topics(), 12), SECRET)
        judge.dialogue_members.add(103)
        cases = [(judge.sending(request), places) for request, places in self.sends]
        # The outcomes come first, so that those of requests without an id have to wait for their address.
        for record in self.records:
            judge.arrived(record)
        for case, places in cases:
            for sent in places:
                judge.sent(case, sent)
        return judge

    def send(self, request: Request) -> None:
        topic = NAMES.requests[request.flow]
        places: list[Sent] = []
        for _ in range(request.clicks):
            number = sum(len(sent) for _, sent in self.sends) + len(places)
            places.append(Sent(topic, 3, number, int(NOW * 1000) + number, "CreateTime", NOW + number / 1000))
        self.sends.append((request, places))

    def outcome(self, about: str, type_: str, body: dict[str, Any]) -> None:
        """What a right worker says to the request called `about`."""
        request, places = next(sent for sent in self.sends if sent[0].about == about)
        id_ = request.id or places[0].address
        headers: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", str(uuid.uuid5(uuid.NAMESPACE_URL, f"{request.member} {id_} {type_}")).encode()),
            ("ce_source", b"/ssammu-worker"),
            ("ce_type", type_.encode()),
            ("ce_time", b"2026-11-22T08:53:21.123456789Z"),
            ("ce_subject", str(request.member).encode()),
            ("content-type", b"application/json"),
            ("ce_causationid", id_.encode()),
        ]
        if request.last_header("traceparent"):
            headers.append(("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode()))
        if correlation := request.last_header("ce_correlationid"):
            headers.append(("ce_correlationid", correlation.encode()))
        value = json.dumps({"memberId": request.member} | body)
        if request.context is not None:
            value = f'{value[:-1]}, "context": {request.context}}}'
        self._record(type_, str(request.member).encode(), value.encode(), headers)

    def failure(self, about: str, code: str, event: str, retryable: bool = False, **more: Any) -> None:
        request, places = next(sent for sent in self.sends if sent[0].about == about)
        body = {
            "eventName": event,
            "code": code,
            "message": "입력을 확인해 주세요: answer",
            "retryable": retryable,
            "requestTopic": NAMES.requests[request.flow],
            "requestId": request.id or places[0].address,
        }
        self.outcome(about, REQUEST_FAILED, body | more)

    def dead_letter(self, about: str, code: str) -> None:
        request, places = next(sent for sent in self.sends if sent[0].about == about)
        sent = places[0]
        added: dict[str, bytes] = {
            "original-topic": sent.topic.encode(),
            "original-partition": struct.pack(">i", sent.partition),
            "original-offset": struct.pack(">q", sent.offset),
            "original-timestamp": struct.pack(">q", sent.timestamp),
            "original-timestamp-type": b"CreateTime",
            "original-consumer-group": NAMES.groups[request.flow].encode(),
            "exception-fqcn": code.encode(),
            "exception-cause-fqcn": code.encode(),
            "exception-message": b"the value is not JSON",
            "exception-stacktrace": b"the value is not JSON: expected value at line 1",
        }
        headers = [*request.headers, *((f"kafka_dlt-{name}", value) for name, value in added.items())]
        self._record(sent.topic + NAMES.dead_letter_suffix, request.key, request.value, headers, sent.partition)

    def progress(self, about: str, event: str, sequence: int, stage: str, **more: Any) -> None:
        """What a right worker tells of the request called `about` so many milliseconds after it was sent."""
        body = {"eventName": event, "sequence": sequence, "stage": stage}
        request, places = next(sent for sent in self.sends if sent[0].about == about)
        self.outcome(about, PROGRESS, body | {"requestId": request.id or places[0].address} | more)
        context = f', "context": {request.context}'.encode()
        value = (self.records[-1].value or b"").replace(context, b"")
        id_ = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{about} {sequence}")).encode()
        self.change(-1, timestamp=places[0].timestamp + sequence, value=value)
        self.change_header(-1, "ce_id", id_)

    def repeat(self, index: int) -> None:
        """The worker sends a record again."""
        again = self.records[index]
        self._record(again.topic, again.key, again.value, again.headers, again.partition)

    def find(self, topic: str, number: int = 0) -> int:
        return [i for i, record in enumerate(self.records) if record.topic == topic][number]

    def change(self, index: int, **changes: Any) -> None:
        self.records[index] = replace(self.records[index], **changes)

    def change_body(self, index: int, **changes: Any) -> None:
        body = json.loads(self.records[index].value or b"") | changes
        self.change(index, value=json.dumps({k: v for k, v in body.items() if v != "(absent)"}).encode())

    def change_header(self, index: int, name: str, value: bytes | None) -> None:
        """Replaces a header; None takes it away."""
        kept = [(key, old if key != name else value) for key, old in self.records[index].headers]
        self.change(index, headers=[(key, new) for key, new in kept if key != name or new is not None])

    def _record(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int = 5) -> None:
        offset = 1000 + len(self.records)
        arrived = NOW + 0.5 + len(self.records) / 1000
        self.records.append(Record(topic, partition, offset, int(arrived * 1000), key, value, headers, arrived))


def good_run() -> Tape:
    tape = Tape()

    def request(flow: str, member: int, about: str, id_: str | None, **plan: Any) -> None:
        headers = plan.pop("headers", [])
        key = str(member).encode()
        tape.send(Request(flow, member, key, b"{}", headers, about, id_, **plan))

    generated = Expected(FEEDBACK_GENERATED)
    trace = [("traceparent", f"00-{'1' * 32}-00f067aa0ba902b7-01".encode())]
    trace += [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode()), ("ce_correlationid", b"c")]
    request(FEEDBACK, 101, "feedback 1", "f1", problem_id=42, expected=generated, headers=trace, context=CONTEXT)
    invalid = Expected(REQUEST_FAILED, "INVALID_REQUEST", "answer")
    request(FEEDBACK, 101, "feedback 2", "f2", expected=invalid, context='{"type": "DAILY"}')
    request(FEEDBACK, 101, "feedback 3", "f3", expected=generated, clicks=2)
    request(FEEDBACK, 102, "feedback by address", None, expected=generated, context='{ "price": 12.50 }')
    text = "핵심을 잘 짚었습니다. UDP가 빠른 까닭도 설명해 보세요."
    tape.outcome("feedback 1", FEEDBACK_GENERATED, {"problemId": 42, "feedback": text})
    tape.failure("feedback 2", "INVALID_REQUEST", "PROBLEM_FEEDBACK", field="answer")
    tape.outcome("feedback 3", FEEDBACK_GENERATED, {"feedback": text})
    tape.repeat(tape.find(FEEDBACK_GENERATED, 1))
    tape.outcome("feedback by address", FEEDBACK_GENERATED, {"feedback": text})

    headers: Headers = [("ce_id", b"u1"), ("twice", b"1"), ("twice", b"2"), ("null", None)]
    request(FEEDBACK, 104, "undecodable", "u1", expected=Expected("", "UNDECODABLE"), headers=headers)
    tape.dead_letter("undecodable", "UNDECODABLE")

    inputs = (("email", "a@b.kr"),)
    request(INIT, 103, "init", "i1", inputs=inputs, context='{"tab": 1}')
    request(INIT, 103, "reload", "i2", inputs=inputs, context='{"tab": 2}')
    for about in ("init", "reload"):
        tape.outcome(about, QUESTION_GENERATED, question(1))
    request(ANSWER, 103, "answer 1", "a1", means="q1")
    request(ANSWER, 103, "double click", "a1b", means="q1")
    tape.outcome("answer 1", QUESTION_GENERATED, question(2))
    tape.failure("double click", "STALE_ANSWER", "ADVANCED_RESUME_UPDATE")
    request(ANSWER, 103, "answer 2", "a2", means="q2")
    tape.outcome("answer 2", QUESTION_GENERATED, question(3))
    request(ANSWER, 103, "answer 3", "a3", means="q3", context="{}")
    completed = {"isComplete": True, "sessionId": SESSION, "resumeObjectKey": KEY, "resumeUrl": "http://s3/1"}
    completed |= {"resumeUrlExpiresAt": "2026-11-22T10:00:00Z", "degraded": False}
    tape.outcome("answer 3", RESUME_COMPLETED, completed)
    tape.repeat(tape.find(RESUME_COMPLETED))  # Redelivered: the same, with a link signed anew.
    tape.change_body(tape.find(RESUME_COMPLETED, 1), resumeUrl="http://s3/2")
    request(ANSWER, 103, "answer after the end", "a4", expected=Expected(REQUEST_FAILED, "NO_ACTIVE_SESSION"))
    tape.failure("answer after the end", "NO_ACTIVE_SESSION", "ADVANCED_RESUME_UPDATE")

    feedback, answer = ("feedback 1", "PROBLEM_FEEDBACK"), ("answer 3", "ADVANCED_RESUME_UPDATE")
    tape.progress(*feedback, 10, "WAITING", problemId=42)
    tape.progress(*feedback, 170, "WRITING", problemId=42, text="핵심을 잘 짚었습니다.")
    tape.progress(*feedback, 400, "WRITING", problemId=42, text=text)
    tape.progress(*answer, 10, "WRITING", sessionId=SESSION, section="소개", percent=20)
    tape.progress(*answer, 200, "WRITING", sessionId=SESSION, section="프로젝트", percent=60)
    tape.progress(*answer, 400, "STORING", sessionId=SESSION)
    tape.progress("feedback by address", "PROBLEM_FEEDBACK", 10, "WRITING", text="핵심을 잘 짚었습니다.")
    return tape


def question(number: int) -> dict[str, Any]:
    return {
        "isComplete": False,
        "sessionId": SESSION,
        "questionId": f"q{number}",
        "questionNumber": number,
        "maxQuestions": 3,
        "question": f"{number}번째 프로젝트에서 맡은 일은 무엇인가요?",
    }


def swap(tape: Tape, first: int, second: int) -> None:
    """Exchanges the places of two records in the log."""
    a, b = tape.records[first], tape.records[second]
    tape.change(first, offset=b.offset, timestamp=b.timestamp)
    tape.change(second, offset=a.offset, timestamp=a.timestamp)


def spoil(topic: str, number: int, old: bytes, new: bytes) -> Callable[[Tape], None]:
    """Exchanges some bytes of a value."""

    def fault(tape: Tape) -> None:
        index = tape.find(topic, number)
        value = tape.records[index].value or b""
        assert old in value
        tape.change(index, value=value.replace(old, new))

    return fault


def fail_feedback(tape: Tape, dead_letter: bool) -> None:
    """The model was not there for feedback 1."""
    index = tape.find(FEEDBACK_GENERATED)
    tape.failure("feedback 1", "LLM_UNAVAILABLE", "PROBLEM_FEEDBACK", retryable=True, problemId=42)
    failed = tape.records.pop()
    place = tape.records[index]
    tape.records[index] = replace(failed, offset=place.offset, timestamp=place.timestamp, arrived=place.arrived)
    if dead_letter:
        tape.dead_letter("feedback 1", "LLM_UNAVAILABLE")


def body(topic: str, number: int = 0, **changes: Any) -> Callable[[Tape], None]:
    return lambda tape: tape.change_body(tape.find(topic, number), **changes)


def header(topic: str, name: str, value: bytes | None, number: int = 0) -> Callable[[Tape], None]:
    return lambda tape: tape.change_header(tape.find(topic, number), name, value)


def drop(topic: str, number: int = 0) -> Callable[[Tape], None]:
    def fault(tape: Tape) -> None:
        del tape.records[tape.find(topic, number)]

    return fault


def again(topic: str, number: int = 0, **changes: Any) -> Callable[[Tape], None]:
    """A second outcome that differs from the first; `ce_id` changes the header, anything else the body."""

    def fault(tape: Tape) -> None:
        ce_id = changes.get("ce_id")
        tape.repeat(tape.find(topic, number))
        tape.change_body(-1, **{k: v for k, v in changes.items() if k != "ce_id"})
        if ce_id is not None:
            tape.change_header(-1, "ce_id", ce_id)

    return fault


def both(first: Callable[[Tape], None], second: Callable[[Tape], None]) -> Callable[[Tape], None]:
    def fault(tape: Tape) -> None:
        first(tape)
        second(tape)

    return fault


def add_header(topic: str, name: str, value: bytes) -> Callable[[Tape], None]:
    def fault(tape: Tape) -> None:
        index = tape.find(topic)
        tape.change(index, headers=[*tape.records[index].headers, (name, value)])

    return fault


def succeed_and_fail(tape: Tape) -> None:
    tape.failure("feedback 1", "LLM_BAD_OUTPUT", "PROBLEM_FEEDBACK", retryable=True, problemId=42)
    tape.dead_letter("feedback 1", "LLM_BAD_OUTPUT")


def ask_a_fourth_question(tape: Tape) -> None:
    both(drop(C), drop(C))(tape)
    tape.outcome("answer 3", Q, question(4) | {"maxQuestions": 4})


def answer_nobody(tape: Tape) -> None:
    tape.repeat(0)
    tape.change_header(-1, "ce_causationid", b"nobody")


def answer_undecodable(tape: Tape) -> None:
    tape.failure("undecodable", "INVALID_REQUEST", "PROBLEM_FEEDBACK", field="answer")


def replay_an_init(tape: Tape, sent_before_s: float) -> None:
    """One that was first sent so long before the interview began which is there now."""
    first_sent = str(int((NOW - sent_before_s) * 1000)).encode()
    inputs = (("email", "a@b.kr"), ("project_count", 9))
    headers: Headers = [("replay-original-timestamp", first_sent)]
    tape.send(Request(INIT, 103, b"103", b"{}", headers, "replayed init", "i0#1", inputs=inputs, replay=1))


def end_a_newer_interview(tape: Tape) -> None:
    replay_an_init(tape, 60)
    tape.outcome("replayed init", Q, question(1) | {"sessionId": OTHER_SESSION, "questionId": "q9"})


def leave_a_newer_interview(tape: Tape) -> None:
    replay_an_init(tape, 60)
    tape.failure("replayed init", "STALE_ANSWER", "ADVANCED_RESUME_INIT")


def refuse_an_init_of_now(tape: Tape) -> None:
    replay_an_init(tape, -60)
    tape.failure("replayed init", "STALE_ANSWER", "ADVANCED_RESUME_INIT")


def make_the_topic_again(tape: Tape) -> None:
    """The first places of the topic's partition are taken once more, by requests of the same members."""
    for member, about in ((101, "feedback again"), (104, "undecodable again")):
        is_bad = member == 104
        expected = Expected("", "UNDECODABLE") if is_bad else Expected(FEEDBACK_GENERATED)
        tape.send(Request(FEEDBACK, member, str(member).encode(), b"{}", [], about, about, expected=expected))
        old = next(places[0] for request, places in tape.sends if request.member == member)
        again = replace(old, generation=1, timestamp=old.timestamp + 60_000, at=old.at + 60)
        tape.sends[-1] = (tape.sends[-1][0], [again])
    tape.outcome("feedback again", F, {"feedback": "다시 물으셔도 좋은 답변입니다."})
    tape.dead_letter("undecodable again", "UNDECODABLE")


F, Q, C, X = FEEDBACK_GENERATED, QUESTION_GENERATED, RESUME_COMPLETED, REQUEST_FAILED
D = "FeedbackRequested-dlt"
OTHER_UUID5 = str(uuid.uuid5(uuid.NAMESPACE_URL, "other")).encode()
FIRST_QUESTION_UUID5 = str(uuid.uuid5(uuid.NAMESPACE_URL, f"103 i1 {Q}")).encode()
TWICE = b'{"memberId": 101, "memberId": 101, "problemId": 42, "feedback": "OK."}'

FAULTS: list[tuple[str, str, Callable[[Tape], None]]] = [
    ("missing", "a feedback never comes", drop(F)),
    ("missing", "a failure never comes", drop(X)),
    ("missing", "the outcome of a request without an id never comes", drop(F, 3)),
    ("missing", "the repeat of a request sent twice never comes", drop(F, 2)),
    ("missing", "a question never comes", drop(Q, 2)),
    ("missing", "the résumé never comes", both(drop(C), drop(C))),
    ("missing", "a dead letter never comes", drop(D)),
    ("missing", "a failure that needs one has no dead letter", lambda t: fail_feedback(t, False)),
    ("doubled", "a feedback comes again under another ce_id", again(F, ce_id=OTHER_UUID5)),
    ("doubled", "a feedback comes again with another text", again(F, feedback="다른 조언입니다.")),
    ("doubled", "a question comes again with another text", again(Q, question="다른 질문인가요?")),
    ("doubled", "a résumé comes again under another key", again(C, resumeObjectKey="resume/103/x.docx")),
    ("doubled", "a request has a success and a failure", succeed_and_fail),
    ("doubled", "two requests share a ce_id", header(Q, "ce_id", FIRST_QUESTION_UUID5, 1)),
    ("dialogue", "a replayed init takes the place of a newer interview", end_a_newer_interview),
    ("dialogue", "a replayed init is refused though nothing is newer", refuse_an_init_of_now),
    ("missing", "a dead letter of a topic made again never comes", both(make_the_topic_again, drop(D, 1))),
    ("missing", "an outcome of a topic made again never comes", both(make_the_topic_again, drop(F, 4))),
    ("disordered", "feedback 3 comes before feedback 1", lambda t: swap(t, t.find(F), t.find(F, 1))),
    ("disordered", "a failure comes before the feedback it follows", lambda t: swap(t, t.find(F), t.find(X))),
    ("disordered", "a member's outcomes are spread over partitions", lambda t: t.change(t.find(F), partition=6)),
    ("disordered", "questions 2 and 3 are exchanged", both(body(Q, 2, questionNumber=3), body(Q, 3, questionNumber=2))),
    ("disordered", "the first has number 2", both(body(Q, 0, questionNumber=2), body(Q, 1, questionNumber=2))),
    ("disordered", "a fourth question comes instead of the résumé", ask_a_fourth_question),
    ("dialogue", "a reload brings another question", body(Q, 1, question="다른 질문인가요?")),
    ("dialogue", "a reload begins another session", body(Q, 1, sessionId="s2")),
    ("dialogue", "a double click is told that there is no session", body(X, 1, code="NO_ACTIVE_SESSION")),
    ("dialogue", "an answer is answered from another session", body(Q, 2, sessionId="s2")),
    ("dialogue", "a question has the id of an earlier one", body(Q, 2, questionId="q1")),
    ("document", "the key is another member's", body(C, resumeObjectKey=KEY.replace("103", "104"))),
    ("document", "the key has the time of UTC", body(C, resumeObjectKey=KEY.replace("_18", "_09"))),
    ("document", "the key is of another session", body(C, resumeObjectKey=KEY.replace("0b8f7a61", "ffffffff"))),
    ("stray", "an outcome answers what nobody asked", answer_nobody),
    ("stray", "an undecodable record has an outcome", answer_undecodable),
    ("failed", "the model was not there", lambda t: fail_feedback(t, True)),
    ("dead letter", "an answered request is dead-lettered", lambda t: t.dead_letter("feedback 2", "INVALID_REQUEST")),
    ("dead letter", "its value was written anew", lambda t: t.change(t.find(D), value=b"{ }")),
    ("dead letter", "its key is lost", lambda t: t.change(t.find(D), key=None)),
    ("dead letter", "it lies in another partition", lambda t: t.change(t.find(D), partition=0)),
    ("dead letter", "a header of the request is lost", header(D, "null", b"")),
    ("dead letter", "the timestamp is little-endian", header(D, "kafka_dlt-original-timestamp", struct.pack("<q", 1))),
    ("dead letter", "the group is another", header(D, "kafka_dlt-original-consumer-group", b"ssammu-resume")),
    ("dead letter", "the code is another", header(D, "kafka_dlt-exception-fqcn", b"INTERNAL")),
    ("dead letter", "the stack trace is missing", header(D, "kafka_dlt-exception-stacktrace", None)),
    ("dead letter", "the message is too long", header(D, "kafka_dlt-exception-message", b"x" * 1025)),
    ("dead letter", "the message tells what was written", header(D, "kafka_dlt-exception-message", SECRET.encode())),
    ("stray", "the offset is text", header(D, "kafka_dlt-original-offset", b"1")),
    ("invalid", "the key is a long", lambda t: t.change(t.find(F), key=struct.pack(">q", 101))),
    ("invalid", "the value is not JSON", lambda t: t.change(t.find(F), value=b"{'a': 1}")),
    ("invalid", "a name comes twice", lambda t: t.change(t.find(F), value=TWICE)),
    ("invalid", "problemId is null", body(F, problemId=None)),
    ("invalid", "problemId is lost", body(F, problemId="(absent)")),
    ("invalid", "memberId is text", body(F, memberId="101")),
    ("invalid", "a field too many", body(F, extra=1)),
    ("invalid", "the context is lost", body(F, context="(absent)")),
    ("invalid", "the context of a failure is lost", body(X, context="(absent)")),
    ("invalid", "the context of a résumé is lost", body(C, context="(absent)")),
    ("invalid", "the context is text", body(F, context=CONTEXT)),
    ("invalid", "the context is the other tab's", body(Q, 1, context={"tab": 1})),
    ("invalid", "a context that nobody sent", body(F, 1, context={})),
    ("invalid", "a long of the context went through a double", spoil(F, 0, b"740993", b"740992")),
    ("invalid", "a digit of the context is lost", spoil(F, 3, b"12.50", b"12.5")),
    ("invalid", "a null of the context is lost", spoil(F, 0, b', "none": null', b"")),
    (
        "invalid",
        "names of the context have changed places",
        spoil(F, 0, CONTEXT.encode(), b'{"type": "DAILY", "id": 9007199254740993, "none": null}'),
    ),
    ("doubled", "a repeat has another context", again(F, context={"id": 1})),
    ("invalid", "a feedback of 1,001 characters", body(F, feedback="가" * 1000 + ".")),
    ("invalid", "a feedback with a label", body(F, feedback="**피드백:** 좋습니다.")),
    ("invalid", "a feedback that stops in the middle", body(F, feedback="핵심을 잘 짚었습니다. 그러나 빠른")),
    ("invalid", "an empty feedback", body(F, feedback=" ")),
    ("invalid", "a question with its markup", body(Q, 2, question="- Q: 무엇을 했나요?")),
    ("invalid", "a question of 501 characters", body(Q, 2, question="가" * 501)),
    ("invalid", "isComplete is wrong", body(Q, 2, isComplete=True)),
    ("invalid", "questionNumber above maxQuestions", body(Q, 2, maxQuestions=1)),
    ("invalid", "degraded is text", body(C, degraded="false")),
    ("invalid", "the link's time has no zone", body(C, resumeUrlExpiresAt="2026-11-22T10:00:00")),
    ("invalid", "the link had expired", body(C, resumeUrlExpiresAt="2026-11-22T08:00:00Z")),
    ("invalid", "a code that does not exist", body(X, code="OOPS")),
    ("invalid", "another code than promised", body(X, code="INPUT_TOO_LONG", field="(absent)")),
    ("invalid", "retryable is wrong", body(X, retryable=True)),
    ("invalid", "an English message", body(X, message="answer is blank")),
    ("invalid", "another field is blamed", body(X, field="question")),
    ("invalid", "eventName is wrong", body(X, eventName="ADVANCED_RESUME_INIT")),
    ("invalid", "requestId is wrong", body(X, requestId="f1")),
    ("invalid", "ce_specversion is missing", header(F, "ce_specversion", None)),
    ("invalid", "ce_id is a UUIDv4", header(F, "ce_id", b"0b8f7a61-5d0c-4c5e-9a57-3f1d2c4b6a70")),
    ("invalid", "ce_type is another", header(F, "ce_type", b"Feedback")),
    ("invalid", "ce_time is a number", header(F, "ce_time", b"1795340000")),
    ("invalid", "ce_time does not exist", header(F, "ce_time", b"2026-02-30T00:00:00Z")),
    ("invalid", "ce_correlationid is lost", header(F, "ce_correlationid", None)),
    ("invalid", "the trace is the first one", header(F, "traceparent", f"00-{'1' * 32}-00f067aa0ba902b7-01".encode())),
    ("invalid", "a type header is sent", add_header(F, "__TypeId__", b"x")),
    ("invalid", "a header comes twice", add_header(F, "ce_source", b"/ssammu-worker")),
]


def check_documents() -> list[str]:
    """Good and bad documents; returns what was judged wrongly."""

    def document(title: str, section: str, email: str) -> bytes:
        made = docx.Document()
        made.add_heading(title, 0)
        made.add_heading(section, 1)
        made.add_table(1, 2).rows[0].cells[1].text = email
        buffer = io.BytesIO()
        made.save(buffer)
        return buffer.getvalue()

    wrong = []
    if faults := check_document(document("이력서", "기본 정보", "a@b.kr"), "a@b.kr"):
        wrong.append(f"a good document was refused: {faults}")
    bad = {
        "without title": document("Resume", "기본 정보", "a@b.kr"),
        "without section": document("이력서", "경력", "a@b.kr"),
        "of another member": document("이력서", "기본 정보", "b@b.kr"),
        "that is cut off": document("이력서", "기본 정보", "a@b.kr")[:-100],
    }
    return wrong + [f"a document {name} was taken" for name, made in bad.items() if not check_document(made, "a@b.kr")]


def run_self_test() -> int:
    from progress_test import PROGRESS_FAULTS, check_what_is_counted

    wrong = [f"the good run was blamed: {violation}" for violation in good_run().violations()]
    for also_good in (leave_a_newer_interview, make_the_topic_again):
        tape = good_run()
        also_good(tape)
        wrong += [f"the good run was blamed: {violation}" for violation in tape.violations()]
    for kind, name, fault in [*FAULTS, *PROGRESS_FAULTS]:
        tape = good_run()
        fault(tape)
        found = tape.play()
        if kind not in found:
            wrong.append(f"not noticed as {kind}: {name} (found {sorted(found) or 'nothing'})")
    wrong += check_documents()
    wrong += check_what_is_counted()
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print(f"self-test: {len(FAULTS) + len(PROGRESS_FAULTS)} faulty runs, {len(wrong)} judged wrongly")
    return 1 if wrong else 0
