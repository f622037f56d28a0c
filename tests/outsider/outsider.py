"""Judges a running worker from outside, by the wire contract alone.

Sends full résumé dialogues and feedback requests at once, with double clicks, reloads, skipped, late, invalid and
undecodable ones among them, and checks that every request has exactly one right outcome in the right order, and every
résumé a document that opens. Exits with 0 if so, with 1 after telling what was not, with 2 if it could not run.

Topics, groups, bucket and storage are found by the worker's own settings (KAFKA_BOOTSTRAP_SERVERS, KAFKA_PROPERTIES,
TOPIC_*, GROUP_*, DEAD_LETTER_SUFFIX, S3_BUCKET_NAME, S3_UPLOAD_PREFIX, AWS_*). The clocks of this machine and the
worker's must agree, as the contract asks of producers that send answers without questionId.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaException, Message, Producer, TopicPartition

from browser import Browser, Visit
from documents import Fetched, Store, check_document
from judge import Case, Judge, Violation, summary
from traffic import SECRET, Writer, email_of, feedback_traffic
from wire import FLOWS, RESUME_COMPLETED, Names, Outcome, Record, Request, Sent

POLL_S = 0.005
COUNT_S = 0.25
PROGRESS_S = 5.0
KAFKA_WAIT_S = 15.0


class CannotRun(Exception):
    """Something that this program needs is not there."""


class Clock:
    """Seconds since the epoch that never go back."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return self._offset + time.monotonic()


class Kafka:
    """One producer that places records as Spring does, and one consumer of everything that the worker writes."""

    def __init__(self, bootstrap: str, names: Names, clock: Clock, log_level: int = 6) -> None:
        common = {"bootstrap.servers": bootstrap, "client.id": "outsider", "log_level": log_level}
        for pair in filter(None, os.environ.get("KAFKA_PROPERTIES", "").split(",")):
            name, _, value = pair.partition("=")
            common[name.strip()] = value.strip()
        self._clock = clock
        self._common = common
        self._producer = self._open_producer()
        self._consumer = self._open_consumer()
        self.partitions = self._find_topics(names)

    def _open_producer(self) -> Producer:
        return Producer(self._common | {"enable.idempotence": True, "linger.ms": 5, "partitioner": "murmur2_random"})

    def _open_consumer(self) -> Consumer:
        return Consumer(
            self._common
            | {
                "group.id": f"outsider-{secrets.token_hex(8)}",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
            }
        )

    def _find_topics(self, names: Names) -> dict[str, int]:
        try:
            known = self._consumer.list_topics(timeout=KAFKA_WAIT_S).topics
        except KafkaException as error:
            raise CannotRun(f"no Kafka answers: {error.args[0].str()}") from error
        wanted = [*names.requests.values(), *names.outcomes, *names.dead_letter_topics()]
        if missing := [topic for topic in wanted if topic not in known or not known[topic].partitions]:
            raise CannotRun(f"topics are missing ({', '.join(missing)}): `ssammu-worker topics` makes them")
        there = [topic for topic in [names.progress] if topic in known and known[topic].partitions]
        return {topic: len(known[topic].partitions) for topic in [*wanted, *there]}

    def listen(self, topics: list[str]) -> None:
        """From here on no record of these topics is missed: reading starts at the ends as they are now.

        Partitions are assigned by hand, so no rebalance can skip or repeat a record.
        """
        places = []
        for topic in topics:
            for partition in range(self.partitions[topic]):
                _, end = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=KAFKA_WAIT_S)
                places.append(TopicPartition(topic, partition, end))
        self._consumer.assign(places)

    def send(self, request: Request, topic: str, at: float, delivered: Callable[[Sent], None]) -> None:
        def report(error: object, message: Message) -> None:
            if error is not None:
                raise CannotRun(f"Kafka did not take a record for {topic}: {error}")
            kind, timestamp = message.timestamp()
            type_ = "LogAppendTime" if kind == TIMESTAMP_LOG_APPEND_TIME else "CreateTime"
            delivered(Sent(topic, message.partition(), message.offset(), timestamp, type_, at))

        while True:
            try:
                self._producer.produce(
                    topic,
                    key=request.key,
                    value=request.value,
                    headers=request.headers,
                    timestamp=int(at * 1000) - request.age_ms,
                    on_delivery=report,
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def receive(self) -> list[Record]:
        """Serves delivery reports, then returns what has arrived."""
        self._producer.poll(0)
        records = []
        for message in self._consumer.consume(500, POLL_S):
            if (error := message.error()) is not None:
                if error.fatal() or not error.retriable():
                    self._trouble(error.str())
                continue
            records.append(
                Record(
                    topic=message.topic(),
                    partition=message.partition(),
                    offset=message.offset(),
                    timestamp=message.timestamp()[1],
                    key=message.key(),
                    value=message.value(),
                    headers=[(name, value) for name, value in message.headers() or []],
                    arrived=self._clock.now(),
                )
            )
        return records

    def _trouble(self, error: str) -> None:
        print(f"consumer: {error}", file=sys.stderr)

    def close(self) -> None:
        self._producer.flush(KAFKA_WAIT_S)
        self._consumer.close()


class Trial:
    """Sends everything, drives every dialogue, and hands what arrives to the judge."""

    def __init__(self, kafka: Kafka, judge: Judge, store: Store, clock: Clock) -> None:
        self._kafka = kafka
        self._judge = judge
        self._store = store
        self._clock = clock
        self._downloads: list[Future[Fetched]] = []
        self._pool = ThreadPoolExecutor(max_workers=4)
        self._visits: dict[Case, Visit] = {}
        """The visit that waits for a case."""
        self._bursts: dict[Visit, list[Case]] = {}
        """What each visit that waits has sent."""
        self._due: list[tuple[float, int, Visit, list[Outcome] | None]] = []
        """Visits that go on at a time: (time, tie break, visit, what it was waiting for)."""
        self._ties = itertools.count()

    def send(self, request: Request) -> None:
        self._send(self._judge.sending(request), self._clock.now())

    def begin(self, visit: Visit) -> None:
        heapq.heappush(self._due, (self._clock.now(), next(self._ties), visit, None))

    def run(self, timeout_s: float, settle_s: float) -> bool:
        """Returns whether everything came in time; stays `settle_s` longer for what should not come."""
        deadline = self._clock.now() + timeout_s
        counted = told = self._clock.now()
        done_at: float | None = None
        while (now := self._clock.now()) < deadline:
            self.go_on(now)
            if done_at is not None and now - done_at >= settle_s:
                return True
            if done_at is not None or now - counted < COUNT_S:
                continue
            counted, unsettled, visits = now, self._judge.unsettled(), len(self._due) + len(self._bursts)
            if unsettled == 0 and visits == 0:
                done_at = now
            if now - told >= PROGRESS_S:
                told = now
                print(f"{unsettled} requests and {visits} members wait", file=sys.stderr)
        return False

    def go_on(self, now: float) -> None:
        """Takes what has arrived, and lets go on whoever has waited long enough."""
        for record in self._kafka.receive():
            self._take(record)
        while self._due and self._due[0][0] <= now:
            _, _, visit, outcomes = heapq.heappop(self._due)
            self._visit(visit, outcomes)

    def documents(self) -> list[Fetched]:
        self._pool.shutdown(wait=True)
        return [download.result() for download in self._downloads]

    def _send(self, case: Case, at: float) -> None:
        def delivered(sent: Sent) -> None:
            for outcome in self._judge.sent(case, sent):
                self._answered(case, outcome)

        for _ in range(case.request.clicks):
            self._kafka.send(case.request, self._judge.names.requests[case.request.flow], at, delivered)

    def _take(self, record: Record) -> None:
        case, outcome = self._judge.arrived(record)
        if case is not None and outcome is not None:
            self._answered(case, outcome)

    def _answered(self, case: Case, outcome: Outcome) -> None:
        """Fetches the document, and lets the visit go on once everything that it waits for is answered."""
        if outcome.type == RESUME_COMPLETED:
            self._fetch(case.request.member, outcome)
        if outcome.retryable and len(case.first_outcomes()) < case.request.clicks:
            return  # Another click on the same button may still bring what this one did not.
        visit = self._visits.pop(case, None)
        if visit is None or any(waiting in self._visits for waiting in self._bursts[visit]):
            return
        outcomes = [answered.decisive_outcome() for answered in self._bursts.pop(visit)]
        thinking_s = random.uniform(0.02, 0.2)
        heapq.heappush(self._due, (self._clock.now() + thinking_s, next(self._ties), visit, outcomes))

    def _fetch(self, member: int, completed: Outcome) -> None:
        key, url = str(completed.body.get("resumeObjectKey")), str(completed.body.get("resumeUrl"))
        self._downloads.append(self._pool.submit(self._store.fetch, member, key, url))

    def _visit(self, visit: Visit, outcomes: list[Outcome] | None) -> None:
        try:
            burst = next(visit) if outcomes is None else visit.send(outcomes)
        except StopIteration:
            return
        cases = [self._judge.sending(request) for request in burst]
        self._bursts[visit] = cases
        self._visits |= dict.fromkeys(cases, visit)
        at = self._clock.now()
        for case in cases:
            self._send(case, at)


def judge_documents(documents: list[Fetched], expected: set[int]) -> tuple[int, list[Violation]]:
    """Opens each member's document once; returns how many were good, and what was wrong with the others."""
    violations, good, opened = [], set(), set()
    for fetched in documents:
        faults = list(fetched.faults)
        if fetched.member not in opened and fetched.body:
            opened.add(fetched.member)
            faults += check_document(fetched.body, email_of(fetched.member))
        violations += [Violation("document", "", fetched.member, fault) for fault in faults]
        if not faults:
            good.add(fetched.member)
    violations += [Violation("missing", "", member, "no document") for member in expected - opened]
    return len(good), violations


def report(judge: Judge, violations: list[Violation], good_documents: int, shown: int) -> None:
    rows = list(summary(judge.cases, violations, FLOWS))
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in rows[0]}
    for row in [{name: name for name in rows[0]}, *rows]:
        print("  ".join(str(row[name]).rjust(width) for name, width in widths.items()))
    undecodable = [case for case in judge.cases if case.request.is_undecodable]
    completed = len(judge.completed_members() & judge.dialogue_members)
    print(f"\ndialogues: {completed} of {len(judge.dialogue_members)} completed, {good_documents} documents good")
    print(f"undecodable: {len(undecodable)} sent, {sum(bool(case.dead_letters) for case in undecodable)} dead letters")
    degraded = sum(outcome.body.get("degraded") is True for case in judge.cases for outcome in case.first_outcomes())
    print(f"degraded résumés: {degraded}")
    print("progress: " + ", ".join(f"{name} {count}" for name, count in judge.progress.figures().items()))
    outcomes = Counter(outcome.code or outcome.type for case in judge.cases for outcome in case.first_outcomes())
    print("outcomes: " + ", ".join(f"{name} {count}" for name, count in outcomes.most_common()))
    kinds = Counter(violation.kind for violation in violations)
    print("violations: " + (", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "none"))
    for violation in violations[:shown]:
        print(f"  {violation.kind}: member {violation.member}: {violation.sentence}")
    if len(violations) > shown:
        print(f"  and {len(violations) - shown} more")


def try_worker(options: argparse.Namespace) -> int:
    clock, names = Clock(), Names.from_environment()
    # Above 2^53, where a member id that went through a float would come back as another one.
    base = (1 << 53) + (secrets.randbits(52) << 9) + 1
    talkers = [base + i for i in range(options.dialogues)]
    strangers = [base + len(talkers) + i for i in range(max(1, options.dialogues // 50))]
    writers_count = max(1, options.feedbacks // 8)
    first = base + len(talkers) + len(strangers)
    # Some members wait for feedback and for a résumé at once.
    members = [first + i for i in range(writers_count)] + talkers[: writers_count // 4]
    run = f"outsider-{base:x}"
    print(f"seed {options.seed}, members from {base}", file=sys.stderr)

    store = Store(names.bucket)
    try:
        store.check()
    except Exception as error:
        raise CannotRun(f"the bucket {names.bucket} cannot be reached: {error}") from error
    kafka = Kafka(options.bootstrap_servers, names, clock)
    try:
        kafka.listen([topic for topic in kafka.partitions if topic not in names.requests.values()])
        judge = Judge(names, range(base, first + writers_count), kafka.partitions, SECRET)
        trial = Trial(kafka, judge, store, clock)
        for number, member in enumerate(talkers + strangers):
            # Each member has a writer of their own, so that the seed alone decides what they do.
            browser = Browser(Writer(random.Random(f"{options.seed}/{number}"), f"{run}-{number}"), member)
            if number < len(talkers):
                judge.dialogue_members.add(member)
                trial.begin(browser.dialogue())
            else:
                trial.begin(browser.stranger())
        writer = Writer(random.Random(options.seed), run)
        requests = feedback_traffic(writer, members, options.feedbacks) if options.feedbacks else []
        for number in range(options.undecodables):
            bad = writer.undecodable(writer.rng.choice(members), number)
            requests.insert(writer.rng.randrange(len(requests) + 1), bad)
        for request in requests:
            trial.send(request)
        in_time = trial.run(options.timeout, options.settle)
        documents = trial.documents()
    finally:
        kafka.close()

    violations = judge.verdict()
    good, wrong = judge_documents(documents, judge.completed_members())
    violations += wrong
    report(judge, violations, good, options.show)
    if not in_time:
        print(f"not everything had come after {options.timeout:.0f} s")
    return 1 if violations or not in_time else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--bootstrap-servers", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or "localhost:9092", metavar="HOSTS"
    )
    parser.add_argument("--dialogues", type=int, default=200, metavar="N", help="full résumé dialogues (200)")
    parser.add_argument("--feedbacks", type=int, default=2000, metavar="N", help="valid feedback requests (2000)")
    parser.add_argument("--undecodables", type=int, default=22, metavar="N", help="records without a member (22)")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="S", help="give up after (600)")
    parser.add_argument("--settle", type=float, default=5.0, metavar="S", help="wait at the end for strays (5)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the mix of an earlier run")
    parser.add_argument("--show", type=int, default=20, metavar="N", help="violations to explain (20)")
    parser.add_argument("--self-test", action="store_true", help="check the judge itself; needs no service")
    options = parser.parse_args()
    if options.self_test:
        from self_test import run_self_test

        return run_self_test()
    if options.seed is None:
        options.seed = secrets.randbits(32)
    try:
        return try_worker(options)
    except CannotRun as error:
        print(f"outsider: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
