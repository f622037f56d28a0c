"""The members: feedback requests and résumé dialogues at a steady rate, whatever becomes of the answers."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from browser import Browser, Visit
from bus import Bus
from judge import Case, Judge
from losses import Losses
from outsider import Clock, Trial
from payments import Failure
from replays import Family
from silence import Wait
from traffic import SECRET, Writer, feedback_traffic
from turns import mark_of_feedback
from watch import Letters
from wire import FEEDBACK, Outcome, Record, Request, Sent

TAG = "chaos-request"
"""A header that tells which request a record of a request topic is."""
REPLAY_COUNT = "replay-count"
FEEDBACK_SHARE = 0.7
"""Share of the rate that is feedback; a dialogue is about `DIALOGUE_REQUESTS` requests."""
DIALOGUE_REQUESTS = 4.5
UNDECODABLE_SHARE = 0.01
SECOND_CLICK_S = (0.0, 20.0)
"""How long after a feedback request the same one may come again."""
FIRST_EXTRA = 1_000_000
"""Numbers of feedback requests that faults send begin here."""
BURST = (6, 40, 200, 2)
"""A member's burst: feedbacks, then large requests that are refused, small ones, and feedbacks again."""
LARGE_BYTES = 450_000


class ChaosWriter(Writer):
    """Gives each dialogue inputs of its own, by which the model's books know whom a prompt is for. A member who presses
    again does so with the same inputs: what that pays is judged by each request's own bill."""

    def inputs(self, member: int) -> dict:
        return super().inputs(member) | {"additional_experiences": f"오픈소스 기여 {SECRET} {self._run}"}


class Load(Trial):
    """Sends on time, open loop. What a request topic holds counts as sent, whatever the producer was told."""

    def __init__(
        self, bus: Bus, judge: Judge, store: object, clock: Clock, seed: int, members: range, letters: Letters
    ) -> None:
        super().__init__(bus, judge, store, clock)
        self.put_off = 0
        """Dialogues that did not begin, since every member was in one."""
        self.lives: list[tuple[int, float, float | None]] = []
        """Member, begin and end of each dialogue."""
        self.families: dict[Case, Family] = {}
        """What was replayed, by the request."""
        self.unsent_members: set[int] = set()
        """Whose requests Kafka never got, or lost with their topic."""
        self.replaying_since = 0.0
        """When the last command began that replays."""
        self.losses = Losses(letters, judge.names.dead_letter_suffix, clock.now)
        self._letters = letters
        self._rng = random.Random(f"{seed}/load")
        self._members = members
        self._free = list(members)
        self._plan: list[tuple[float, int, Request | None]] = []
        self._second_clicks: list[tuple[float, int, Case]] = []
        self._numbers = itertools.count()
        self._tagged: dict[bytes, Case] = {}
        self._marks: dict[Case, str] = {}
        self._pressed_again: list[Failure] = []
        """Requests that went with their topic; what was in work then may have been paid."""
        self._talking: dict[int, str] = {}
        """The mark of each member's dialogue."""
        self._request_topics = set(judge.names.requests.values())
        self._documents: dict[str, tuple[int, Outcome]] = {}
        self._held: dict[str, list[Case]] = {}
        self._generations: dict[str, int] = dict.fromkeys(self._request_topics, 0)
        self._run = f"chaos-{members.start:x}"
        self._extra = ChaosWriter(random.Random(self._rng.random()), f"{self._run}-x")
        self._extra_numbers = itertools.count(FIRST_EXTRA)

    def plan(self, start: float, seconds: float, rate: float) -> None:
        """Spreads the requests over the time; `rate` is in requests a second, dialogues included."""
        writer = ChaosWriter(random.Random(self._rng.random()), f"{self._run}-f")
        feedbacks = feedback_traffic(writer, list(self._members), int(seconds * rate * FEEDBACK_SHARE))
        requests: list[Request | None] = list(feedbacks)
        for number in range(int(len(feedbacks) * UNDECODABLE_SHARE)):
            requests.append(writer.undecodable(self._rng.choice(self._members), number))
        # None stands for a dialogue.
        requests += [None] * int(seconds * rate * (1 - FEEDBACK_SHARE) / DIALOGUE_REQUESTS)
        uniform = self._rng.uniform
        self._plan = [(start + uniform(0, seconds), number, request) for number, request in enumerate(requests)]
        heapq.heapify(self._plan)

    def go_on(self, now: float) -> None:
        super().go_on(now)
        self._letters.look()
        while self._plan and self._plan[0][0] <= now:
            _, number, request = heapq.heappop(self._plan)
            if request is not None:
                self.send(request)
            else:
                self._begin_dialogue(f"d{number}", now)
        while self._second_clicks and self._second_clicks[0][0] <= now:
            at, _, case = heapq.heappop(self._second_clicks)
            self._put(case, at)

    def is_planned(self) -> bool:
        return bool(self._plan)

    def end_plan(self) -> None:
        """Nothing more is asked for than has been."""
        self._plan.clear()

    def waiting(self) -> int:
        """Requests that Kafka has and that are not done with, and members who are about to send one."""
        open_cases = sum(not self.is_done(case) for case in self._judge.cases if case.sends)
        waiting_visits = sum(any(case.sends for case in cases) for cases in self._bursts.values())
        held = sum(len(cases) for cases in self._held.values())
        return open_cases + waiting_visits + len(self._due) + len(self._second_clicks) + held

    def is_done(self, case: Case) -> bool:
        lost = self.losses.records_of(case)
        due = len(case.dead_letter_codes()) - lost - len(case.dead_letters)
        if due > 0 and due > self.losses.letters_of(case):
            return False
        if case.request.replay and not lost:
            return self._family_of(case).is_answered(case)
        return case.request.is_undecodable or len(case.outcomes) >= len(case.sends) - lost

    def burst(self) -> list[Case]:
        """One member asks for hundreds of things at once, most of them large."""
        member, writer = self._rng.choice(self._members), self._extra
        first, large, small, last = BURST
        numbers = self._extra_numbers
        requests = [writer.feedback(member, next(numbers)) for _ in range(first)]
        requests += [_large(writer.invalid_feedback(member, next(numbers))) for _ in range(large)]
        requests += [writer.invalid_feedback(member, next(numbers)) for _ in range(small)]
        requests += [_large(writer.feedback(member, next(numbers))) for _ in range(last)]
        return self._send_all(requests)

    def garbage(self, flow: str, count: int) -> list[Case]:
        """Records for a flow's dead letters."""
        writer, numbers = self._extra, itertools.count(self._rng.randrange(1000))
        requests: list[Request] = []
        while len(requests) < count:
            request = writer.undecodable(self._rng.choice(self._members), next(numbers))
            requests += [request] if request.flow == flow else []
        return self._send_all(requests)

    def doomed(self, feedbacks: int, dialogues: int) -> tuple[list[Case], set[str], Callable[[], None]]:
        """Feedback requests to send, with all marks that the model is to spoil first, and what sends everything."""
        numbers = [next(self._extra_numbers) for _ in range(feedbacks + dialogues)]
        names = [f"x{number}" for number in numbers[feedbacks:]]
        marks = {str(number) for number in numbers[:feedbacks]} | {f"{self._run}-{name}" for name in names}
        cases = [
            self._judge.sending(self._extra.feedback(self._rng.choice(self._members), number))
            for number in numbers[:feedbacks]
        ]

        def send() -> None:
            now = self._clock.now()
            for case in cases:
                self._send(case, now)
            for name in names:
                self._begin_dialogue(name, now)

        return cases, marks, send

    def feedback(self) -> Case:
        """One member asks now."""
        return self._send_all([self._extra.feedback(self._rng.choice(self._members), next(self._extra_numbers))])[0]

    def dialogue(self) -> Callable[[], bool]:
        """One member begins an interview now; returns what tells whether it is over."""
        now = self._clock.now()
        who = self._begin_dialogue(f"x{next(self._extra_numbers)}", now)
        return lambda: any((member, began) == (who, now) and ended is not None for member, began, ended in self.lives)

    def send_again(self, case: Case) -> None:
        """Its producer asks for the same once more; only one with an id of its own is known to be the same."""
        if case.request.id is not None:
            self._put(case, self._clock.now())

    def hold(self, topic: str) -> None:
        """Nothing is sent to this topic until it is released."""
        self._held[topic] = []

    def release(self, topic: str) -> None:
        for case in self._held.pop(topic):
            self._put(case, self._clock.now())

    def topic_gone(self, topic: str, committed: dict[int, int]) -> int:
        """What the topic held and the group had not committed may be lost with it; in a dialogue its member presses again.
        Returns how many records that is."""
        lost = self.losses.topic_gone(self._judge.cases, topic, self._generations[topic], committed)
        self._generations[topic] += 1
        for case in dict.fromkeys(lost):
            self._press_again(case)
        return len(lost)

    def still_waiting(self) -> list[str]:
        """What is not done with, for people."""
        cases = [case for case in self._judge.cases if case.sends and not self.is_done(case)]
        return [
            f"member {case.request.member}: {case.request.about} ({', '.join(sent.address for sent in case.sends)}): "
            f"{len(case.outcomes)} outcomes, {len(case.dead_letters)} of {len(case.dead_letter_codes())} dead letters"
            for case in cases
        ]

    def drop_unsent(self) -> int:
        """Forgets what Kafka never got (its client was lost with it), and what went with its topic: it is no request.
        Returns how many those were."""
        self.losses.forget_records()
        for family in self.families.values():
            family.replays = [(case, began) for case, began in family.replays if case.sends]
        cases = self._judge.cases
        unsent = [case for case in cases if not case.sends]
        self.unsent_members = {case.request.member for case in unsent}
        self._judge.cases = [case for case in cases if case.sends]
        for case in self._judge.cases:
            case.request = replace(case.request, clicks=min(case.request.clicks, len(case.sends)))
            case.letters_excused = self.losses.letters_of(case)
        return len(unsent)

    def fetch_documents(self) -> None:
        for member, completed in self._documents.values():
            super()._fetch(member, completed)

    def failures(self) -> list[Failure]:
        failed = [
            Failure(self.mark(case), outcome.record.timestamp / 1000)
            for case in self._judge.cases
            for outcome in case.first_outcomes()
            if outcome.retryable
        ]
        return [*failed, *self._pressed_again]

    def waits(self) -> Iterator[Wait]:
        for case in cases_of(self._judge):
            if not case.sends:
                continue
            sent, request = case.sends[0], case.request
            line = (request.member, "dialogue")
            if request.flow == FEEDBACK:
                line = (request.member, sent.topic, sent.partition, sent.generation)
            ended = case.outcomes[0].record.arrived if case.outcomes else None
            about = f"member {request.member}: {request.about} ({sent.address})"
            # A replay that was met with an answer which was there is not the one that waited.
            if request.replay == 0 or case.outcomes:
                yield Wait(about, request.flow, line, self.mark(case), sent.at, ended)

    def asked_since(self, case: Case) -> float:
        """When it was first sent, also where what went with its topic was sent again."""
        if case.request.since is not None:
            return case.request.since
        return case.sends[0].at if case.sends else 0.0

    def mark(self, case: Case) -> str:
        """By which the model's books know it."""
        if case.request.replay:
            return self.mark(self._family_of(case).first)
        return mark_of_feedback(case) if case.request.flow == FEEDBACK else self._marks.get(case, "")

    def _send_all(self, requests: list[Request]) -> list[Case]:
        cases = [self._judge.sending(request) for request in requests]
        for case in cases:
            self._send(case, self._clock.now())
        return cases

    def _begin_dialogue(self, name: str, now: float) -> int | None:
        if not self._free:
            self.put_off += 1
            return None
        member = self._free.pop(self._rng.randrange(len(self._free)))
        run = f"{self._run}-{name}"
        self._talking[member] = run
        writer = ChaosWriter(random.Random(self._rng.random()), run)
        self.begin(self._whole(member, Browser(writer, member).dialogue(), now))
        return member

    def _whole(self, member: int, visit: Visit, began: float) -> Visit:
        place = len(self.lives)
        self.lives.append((member, began, None))
        yield from visit
        self.lives[place] = (member, began, self._clock.now())
        self._free.append(member)

    def _press_again(self, case: Case) -> None:
        """Whoever waits for what is lost asks once more, in a record and with an address of its own."""
        visit = self._visits.pop(case, None)
        if visit is None:
            return
        since = self.asked_since(case)
        again = self._judge.sending(replace(case.request, headers=_without_tag(case.request), clicks=1, since=since))
        self._pressed_again.append(Failure(self.mark(case), self._clock.now()))
        self._bursts[visit] = [again if one is case else one for one in self._bursts[visit]]
        self._visits[again] = visit
        self._send(again, self._clock.now())

    def _send(self, case: Case, at: float) -> None:
        tag = str(next(self._numbers)).encode()
        case.request = replace(case.request, headers=[*case.request.headers, (TAG, tag)])
        self._tagged[tag] = case
        if case.request.flow != FEEDBACK:
            self._marks[case] = self._talking.get(case.request.member, "")
        self._put(case, at)
        for click in range(1, case.request.clicks):
            later = self._rng.uniform(*SECOND_CLICK_S) if case.request.flow == FEEDBACK else 0.0
            heapq.heappush(self._second_clicks, (at + later, id(case) + click, case))

    def _put(self, case: Case, at: float) -> None:
        topic = self._judge.names.requests[case.request.flow]
        if topic in self._held:
            self._held[topic].append(case)
        else:
            self._kafka.send(case.request, topic, at, lambda sent: None)

    def _take(self, record: Record) -> None:
        if record.topic not in self._request_topics:
            super()._take(record)
            return
        case = self._tagged.get(record.last_header(TAG) or b"")
        if case is None:
            return
        age_ms = case.request.age_ms
        if count := int(record.text_header(REPLAY_COUNT) or 0):
            case, age_ms = self._replayed(case, record, count), 0
        at, generation = (record.timestamp + age_ms) / 1000, self._generations[record.topic]
        place = (record.topic, record.partition, record.offset, record.timestamp)
        for outcome in self._judge.sent(case, Sent(*place, "CreateTime", at, generation)):
            self._answered(case, outcome)

    def _replayed(self, first: Case, record: Record, count: int) -> Case:
        """A replayed request has an id and an outcome of its own."""
        family = self.families.setdefault(first, Family(first))
        # Sent back twice before anything came of it, it is the same request twice.
        for case, _ in family.replays:
            if case.request.replay == count:
                return case
        again = replace(
            first.request, id=f"{first.id}#{count}", key=record.key, value=record.value, headers=record.headers,
            clicks=1, age_ms=0, replay=count,
        )  # fmt: skip
        case = self._judge.sending(again)
        family.replays.append((case, self.replaying_since))
        return case

    def _family_of(self, replay: Case) -> Family:
        return self.families[self._tagged[dict(replay.request.headers)[TAG] or b""]]

    def _fetch(self, member: int, completed: Outcome) -> None:
        """Only at the end: while the storage is off, a document is not missing but out of reach."""
        self._documents[str(completed.body.get("resumeObjectKey"))] = (member, completed)


def _large(request: Request) -> Request:
    """With a field that nobody knows."""
    padding = f', "padding": "{"x" * LARGE_BYTES}"}}'.encode()
    return replace(request, value=(request.value or b"")[:-1] + padding)


def _without_tag(request: Request) -> list[tuple[str, bytes | None]]:
    return [(name, value) for name, value in request.headers if name != TAG]


def cases_of(judge: Judge) -> Iterator[Case]:
    """Requests that may have an outcome."""
    return (case for case in judge.cases if not case.request.is_undecodable)
