"""Keeps what was sent and what arrived, and says at the end what was missing, doubled, disordered or wrong. No I/O."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dead_letter_rules import PREFIX, check_dead_letter, original_address
from dialogue_rules import Dialogue, Step
from outcome_rules import DEAD_LETTERED, check_outcome
from progress_rules import ProgressJudge
from wire import (
    FEEDBACK,
    REQUEST_FAILED,
    RESUME_COMPLETED,
    Names,
    Outcome,
    Record,
    Request,
    Sent,
    number_in,
    read_outcome,
)

KINDS = (
    "missing",
    "doubled",
    "disordered",
    "invalid",
    "dialogue",
    "dead letter",
    "document",
    "stray",
    "failed",
    "progress",
)


@dataclass(frozen=True)
class Violation:
    kind: str
    flow: str
    member: int
    sentence: str


@dataclass(eq=False)
class Case:
    """One request with all that happened to it."""

    request: Request
    sends: list[Sent] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    dead_letters: list[Record] = field(default_factory=list)
    letters_excused: int = 0
    """Dead letters that may be missing, because it is known where their records are."""

    @property
    def id(self) -> str | None:
        return self.request.id or (self.sends[0].address if self.sends else None)

    def first_outcomes(self) -> list[Outcome]:
        """The first outcome of each ce_id."""
        return list({outcome.ce_id: outcome for outcome in reversed(self.outcomes)}.values())[::-1]

    def decisive_outcome(self) -> Outcome:
        """What the request came to: of several clicks a later one may succeed after an earlier one failed."""
        return next((outcome for outcome in self.outcomes if not outcome.retryable), self.outcomes[0])

    def repeats(self) -> int:
        return len(self.outcomes) - len(self.first_outcomes())

    def dead_letter_codes(self) -> list[str]:
        """The code of each dead letter that is due."""
        if self.request.is_undecodable:
            return ["UNDECODABLE"] * len(self.sends)
        return [outcome.code for outcome in self.first_outcomes() if outcome.code in DEAD_LETTERED]

    def is_settled(self) -> bool:
        if len(self.sends) < self.request.clicks or len(self.dead_letters) < len(self.dead_letter_codes()):
            return False
        return self.request.is_undecodable or len(self.outcomes) >= len(self.sends)

    def latency_s(self) -> float | None:
        if not self.outcomes or not self.sends:
            return None
        return self.outcomes[0].record.arrived - self.sends[0].at


class Judge:
    """`members` are the ids of this run: records of others are not ours to judge."""

    def __init__(self, names: Names, members: range, dead_letter_partitions: dict[str, int], secret: str) -> None:
        self.names = names
        self.members = members
        self.cases: list[Case] = []
        self.dialogue_members: set[int] = set()
        """The members that were to get a résumé."""
        self.progress = ProgressJudge(members)
        self._partitions = dead_letter_partitions
        self._secret = secret
        self._by_id: dict[tuple[int, str], Case] = {}
        self._by_address: dict[tuple[str, int, int], list[Case]] = defaultdict(list)
        """More than one where a topic was made again."""
        self._unmatched: list[Outcome] = []
        self._unmatched_dead: list[Record] = []
        self._violations: list[Violation] = []

    def sending(self, request: Request) -> Case:
        """Takes note of a request before it is sent."""
        case = Case(request)
        self.cases.append(case)
        if request.id is not None and not request.is_undecodable:
            self._by_id[request.member, request.id] = case
        return case

    def sent(self, case: Case, sent: Sent) -> list[Outcome]:
        """Takes note of where Kafka put it; returns its outcomes that had arrived before this was known."""
        case.sends.append(sent)
        self._by_address[sent.topic, sent.partition, sent.offset].append(case)
        dead, self._unmatched_dead = self._unmatched_dead, []
        for record in dead:
            self._take_dead_letter(record)
        if case.request.id is not None or case.request.is_undecodable:
            return []
        self._by_id[case.request.member, sent.address] = case
        waiting, self._unmatched = self._unmatched, []
        return [outcome for outcome in waiting if self._take_outcome(outcome) is case]

    def arrived(self, record: Record) -> tuple[Case | None, Outcome | None]:
        """Takes a record of any topic that the worker writes; returns the outcome and its case if it is one of ours."""
        if record.topic == self.names.progress:
            self.progress.arrived(record)
            return None, None
        type_ = self.names.outcomes.get(record.topic)
        if type_ is None:
            self._take_dead_letter(record)
            return None, None
        outcome = read_outcome(record, type_)
        return self._take_outcome(outcome), outcome

    def unsettled(self) -> int:
        return sum(not case.is_settled() for case in self.cases)

    def verdict(self) -> list[Violation]:
        """Everything that was wrong. To be asked once, at the end."""
        self._match_dead_letters_of_no_time()
        for case in self.cases:
            self._judge_outcomes(case)
            self._judge_dead_letters(case)
        self._judge_ids()
        self._judge_order()
        self._judge_dialogues()
        for case, member, fault in self.progress.verdict(self._by_id):
            if case is None:
                self._violations.append(Violation("progress", "", member, fault))
            else:
                self._find("progress", case, fault)
        for outcome in self._unmatched:
            member = min(outcome.members(), default=0)
            self._violations.append(
                Violation("stray", "", member, f"{outcome.type} answers {outcome.causation!r}, which asked for nothing")
            )
        ids = {case.request.id for case in self.cases} - {None}
        for record in self._unmatched_dead:
            members = number_in((record.key or b"").decode("utf-8", "replace"))
            if record.text_header("ce_id") in ids or any(member in self.members for member in members):
                sentence = f"a dead letter in {record.topic} does not say which record of this run it was"
                self._violations.append(Violation("stray", "", min(members, default=0), sentence))
        return self._violations

    def _take_outcome(self, outcome: Outcome) -> Case | None:
        members = outcome.members() | number_in(outcome.record.text_header("ce_subject"))
        ours = [member for member in members if member in self.members]
        for member in ours:
            if (case := self._by_id.get((member, outcome.causation))) is not None:
                case.outcomes.append(outcome)
                return case
        if ours:
            self._unmatched.append(outcome)
        return None

    def _take_dead_letter(self, record: Record) -> None:
        cases = self._by_address.get(original_address(record) or ("", 0, 0), [])
        case = next((case for case in cases if sent_of(case, record, timed=True)), None)
        if case is not None:
            case.dead_letters.append(record)
        else:
            self._unmatched_dead.append(record)

    def _match_dead_letters_of_no_time(self) -> None:
        """One that says no right time is its place's last case's, whose rules will say so."""
        unmatched, self._unmatched_dead = self._unmatched_dead, []
        for record in unmatched:
            cases = self._by_address.get(original_address(record) or ("", 0, 0))
            (cases[-1].dead_letters if cases else self._unmatched_dead).append(record)

    def _judge_outcomes(self, case: Case) -> None:
        request = case.request
        if len(case.sends) < request.clicks:
            self._find("missing", case, "Kafka never acknowledged it")
            return
        if request.is_undecodable:
            return  # An outcome for it would be a stray one: it is not known by its id.
        firsts = case.first_outcomes()
        if not firsts:
            self._find("missing", case, "no outcome")
            return
        if len(case.outcomes) < len(case.sends):
            self._find("missing", case, f"sent {len(case.sends)} times, answered only {len(case.outcomes)} times")
        finals = [outcome for outcome in firsts if not outcome.retryable]
        if len(finals) > 1 or len(firsts) > len(case.sends):
            found = ", ".join(f"{outcome.code or outcome.type} {outcome.ce_id}" for outcome in firsts)
            self._find("doubled", case, f"{len(firsts)} outcomes for one request: {found}")
        first_of = {outcome.ce_id: outcome for outcome in firsts}
        for outcome in case.outcomes:
            first = first_of[outcome.ce_id]
            if (outcome.type, outcome.content()) != (first.type, first.content()):
                self._find("doubled", case, f"two contents under one ce_id {outcome.ce_id}")
        faults = {
            fault: None
            for outcome in case.outcomes
            for fault in check_outcome(outcome, request, case.id or "", self.names)
        }
        for fault in faults:
            self._find("invalid", case, fault)
        self._judge_expectation(case, firsts)

    def _judge_expectation(self, case: Case, firsts: list[Outcome]) -> None:
        expected = case.request.expected
        for outcome in firsts:
            if expected is not None and (outcome.type, outcome.code) == (expected.type, expected.code):
                continue
            if outcome.retryable or (expected is not None and outcome.type == REQUEST_FAILED and not expected.code):
                self._find("failed", case, f"{outcome.code}: {outcome.body.get('message')}")
            elif expected is not None:
                wanted = expected.code or expected.type
                self._find("invalid", case, f"{outcome.code or outcome.type} instead of {wanted}")

    def _judge_dead_letters(self, case: Case) -> None:
        due = case.dead_letter_codes()
        if not due:
            if case.dead_letters:
                self._find("dead letter", case, "a dead letter that is not due")
            return
        found = {original_address(record) for record in case.dead_letters}
        if len(found) < len(due) - case.letters_excused:
            self._find("missing", case, f"{len(found)} of {len(due)} dead letters")
        for record in case.dead_letters:
            sent = sent_of(case, record, timed=True) or sent_of(case, record, timed=False) or case.sends[0]
            partitions = self._partitions.get(record.topic, 0)
            # Each of several clicks may have failed in a way of its own.
            said = record.text_header(PREFIX + "exception-fqcn")
            code = said if said in due else due[0]
            for fault in check_dead_letter(record, case.request, sent, code, self.names, partitions, self._secret):
                self._find("dead letter", case, fault)

    def _judge_ids(self) -> None:
        owners: dict[str, Case] = {}
        for case in self.cases:
            for outcome in case.first_outcomes():
                owner = owners.setdefault(outcome.ce_id, case)
                # What answers a replay is the request's answer, and comes to whichever of its records is read again.
                if owner is not case and _of_all_trips(owner) != _of_all_trips(case):
                    self._find("doubled", case, f"its ce_id {outcome.ce_id} is also that of {owner.request.about}")

    def _judge_order(self) -> None:
        """Within an outcome topic offsets tell the order; between two topics only the records' timestamps can."""
        lines: dict[tuple[int, str, int, int], list[Case]] = defaultdict(list)
        for case in self.cases:
            if case.sends and case.outcomes:
                first = case.sends[0]
                lines[case.request.member, first.topic, first.partition, first.generation].append(case)
        for cases in lines.values():
            cases.sort(key=lambda case: case.sends[0].offset)
            latest: dict[str, Record] = {}
            for case in cases:
                record = case.outcomes[0].record
                same = latest.get(record.topic)
                if same is not None and same.partition != record.partition:
                    self._find("disordered", case, f"a member's outcomes lie in two partitions of {record.topic}")
                elif any(_precedes(record, other) for other in latest.values()):
                    self._find("disordered", case, "its outcome came before that of an earlier request")
                if same is None or record.offset > same.offset:
                    latest[record.topic] = record

    def _judge_dialogues(self) -> None:
        steps: dict[int, list[Case]] = defaultdict(list)
        for case in self.cases:
            if case.request.flow != FEEDBACK:
                steps[case.request.member].append(case)
        for member, cases in steps.items():
            dialogue = Dialogue(self.names)
            for case in cases:
                if case.sends and case.outcomes:
                    dialogue.follow(Step(case.request, case.sends[0], case.decisive_outcome()))
            for step, kind, sentence in dialogue.faults:
                about = f"{step.request.about} ({step.sent.address})"
                self._violations.append(Violation(kind, step.request.flow, member, f"{about}: {sentence}"))
        for member in self.dialogue_members - self.completed_members():
            flow = steps[member][-1].request.flow if steps[member] else ""
            self._violations.append(Violation("missing", flow, member, "the dialogue never came to a résumé"))

    def completed_members(self) -> set[int]:
        return {
            case.request.member for case in self.cases for outcome in case.outcomes if outcome.type == RESUME_COMPLETED
        }

    def _find(self, kind: str, case: Case, sentence: str) -> None:
        request = case.request
        place = f" ({case.sends[0].address})" if case.sends else ""
        self._violations.append(Violation(kind, request.flow, request.member, f"{request.about}{place}: {sentence}"))


def summary(cases: Iterable[Case], violations: list[Violation], flows: Iterable[str]) -> Iterator[dict[str, object]]:
    """One row a flow: counts, and latencies in milliseconds from sending a request to its first outcome."""
    cases = list(cases)
    for flow in flows:
        own = [case for case in cases if case.request.flow == flow and not case.request.is_undecodable]
        wrong = Counter(violation.kind for violation in violations if violation.flow == flow)
        latencies = sorted(latency for case in own if (latency := case.latency_s()) is not None)
        yield {
            "flow": flow,
            "requests": len(own),
            "records": sum(len(case.sends) for case in own),
            "answered": sum(bool(case.outcomes) for case in own),
            "missing": wrong["missing"],
            "doubled": wrong["doubled"],
            "disordered": wrong["disordered"],
            "other faults": sum(wrong.values()) - wrong["missing"] - wrong["doubled"] - wrong["disordered"],
            "repeats": sum(case.repeats() for case in own),
            "p50 ms": _quantile_ms(latencies, 0.50),
            "p99 ms": _quantile_ms(latencies, 0.99),
        }


def _of_all_trips(case: Case) -> tuple[int, str | None]:
    """What a request and its replays have in common."""
    return case.request.member, case.id.removesuffix(f"#{case.request.replay}") if case.id else None


def sent_of(case: Case, record: Record, timed: bool) -> Sent | None:
    """Which of a case's records this dead letter says that it was; `timed`: by its timestamp, too."""
    address, stamp = original_address(record), record.last_header(PREFIX + "original-timestamp")
    for sent in case.sends:
        is_there = (sent.topic, sent.partition, sent.offset) == address
        if is_there and (not timed or stamp == sent.timestamp.to_bytes(8, "big")):
            return sent
    return None


def _quantile_ms(ordered: list[float], share: float) -> str:
    if not ordered:
        return "-"
    return f"{ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000:.0f}"


def _precedes(record: Record, other: Record) -> bool:
    if record.topic == other.topic:
        return record.offset < other.offset
    return record.timestamp < other.timestamp
