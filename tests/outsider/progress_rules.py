"""What the records of progress must be like: contract section 3a. Best effort is judged as such: what is not told is no
fault, and neither is a text that the outcome takes back, which is counted. No I/O.

Two topics have no common order, so that the records' own timestamps tell which came first: producers set them when they hand a
record over. `TOLERANCE_MS` is for clocks that are read at different moments, and is all that may be missing of the 150 ms
between two records, and all that progress may lie behind the outcome.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from outcome_rules import EVENT_NAMES, Rule, check_fields, check_headers, is_between, is_equal_to, is_feedback, is_text
from wire import FEEDBACK, FEEDBACK_GENERATED, PROGRESS, Outcome, Record, number_in, read_outcome

if TYPE_CHECKING:
    from judge import Case

MOST, APART_MS, TOLERANCE_MS = 8, 150, 20
SECTION_MAX = 100
WAITING, WRITING, STORING = "WAITING", "WRITING", "STORING"

Found = tuple["Case | None", int, str]
"""A case, where it is one of ours, its member, and what is wrong."""


class ProgressJudge:
    """Keeps what was told, and says at the end what should not have been."""

    def __init__(self, members: range) -> None:
        self.may_cross: Callable[[Case], bool] = lambda case: False
        """Whether two workers may have been at a request, so that what they told of it crosses. To be set by who struck them."""
        self.counted: Counter[str] = Counter()
        self._members = members
        self._told: dict[tuple[int, str], list[Outcome]] = defaultdict(list)

    def arrived(self, record: Record) -> None:
        said = read_outcome(record, PROGRESS)
        ours = [
            member for member in said.members() | number_in(record.text_header("ce_subject")) if member in self._members
        ]
        for member in ours[:1]:
            self._told[member, said.causation].append(said)

    def verdict(self, cases: Mapping[tuple[int, str], Case]) -> Iterator[Found]:
        """What is wrong, with the cases by member and id."""
        for (member, id_), told in self._told.items():
            case = cases.get((member, id_))
            if case is None or case.request.is_undecodable:
                yield None, member, f"progress of {id_!r}, which asked for nothing"
                continue
            if not case.sends:
                # It went with its topic while it was in work.
                continue
            told.sort(key=lambda said: said.record.offset)
            self._count(case, told)
            for said in told:
                for fault in check_progress(said, case):
                    yield case, member, fault
            crossed = list(_crossed(case, told))
            if crossed and (len(case.sends) > 1 or self.may_cross(case)):
                self.counted["crossed"] += 1
            else:
                yield from ((case, member, fault) for fault in crossed)

    def figures(self) -> dict[str, Any]:
        return {name: self.counted[name] for name in ("records", "requests", "texts", "taken back", "crossed")}

    def _count(self, case: Case, told: list[Outcome]) -> None:
        self.counted["records"] += len(told)
        self.counted["requests"] += 1
        texts = [text for said in told if isinstance(text := said.body.get("text"), str)]
        whole = [str(outcome.body.get("feedback")) for outcome in case.outcomes if outcome.type == FEEDBACK_GENERATED]
        self.counted["texts"] += bool(texts)
        stays = all(any(feedback.startswith(text) for feedback in whole) for text in texts)
        self.counted["taken back"] += bool(case.outcomes) and not stays


def check_progress(said: Outcome, case: Case) -> list[str]:
    """All that is wrong with one record by itself."""
    request, id_ = case.request, case.id or ""
    faults = [*said.faults, *check_headers(said, request, id_)]
    if said.record.key != str(request.member).encode():
        faults.append(f"progress has the key {said.record.key!r}, not the member id in decimal")
    if not said.faults:
        optional, required = _fields(said, case)
        faults += [f"progress without the field {name}" for name in required if name not in said.body]
        known = required | {name: rule for name, rule in optional.items() if name in said.body}
        faults += [f"progress: {fault}" for fault in check_fields(said.body, known)]
    return faults


def _fields(said: Outcome, case: Case) -> tuple[dict[str, tuple[str, Rule]], dict[str, tuple[str, Rule]]]:
    """The fields that it may have, and those that it must have."""
    request, is_writing = case.request, said.body.get("stage") == WRITING
    required: dict[str, tuple[str, Rule]] = {
        "memberId": (f"the number {request.member}", is_equal_to(request.member)),
        "eventName": (EVENT_NAMES[request.flow], is_equal_to(EVENT_NAMES[request.flow])),
        "requestId": (repr(case.id), is_equal_to(case.id)),
        "sequence": ("a whole number from 0", lambda value: is_between(value, 0, value)),
        "stage": ("a stage", lambda value: value in (WAITING, WRITING, STORING)),
    }
    optional: dict[str, tuple[str, Rule]] = {}
    if request.flow == FEEDBACK:
        if request.problem_id is not None:
            required["problemId"] = (f"the number {request.problem_id}", is_equal_to(request.problem_id))
        if is_writing:
            optional["text"] = ("1 to 1,000 characters of whole sentences without a label", is_feedback)
        return optional, required
    optional |= {"sessionId": ("text", is_text), "percent": ("from 0 to 99", lambda value: is_between(value, 0, 99))}
    if is_writing:
        optional["section"] = ("a heading", lambda value: is_text(value) and len(value) <= SECTION_MAX)
    return optional, required


def _crossed(case: Case, told: list[Outcome]) -> Iterator[str]:
    """What one worker that is alone with a request never does."""
    sequences = [said.body.get("sequence") for said in told]
    numbers = [number for number in sequences if type(number) is int]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        yield f"the sequence of its progress does not rise: {numbers}"
    if len(told) > MOST * max(1, len(case.sends)):
        yield f"{len(told)} records of progress"
    percents = [number for said in told if type(number := said.body.get("percent")) is int]
    if any(later < earlier for earlier, later in pairwise(percents)):
        yield f"its percentage goes back: {percents}"
    if [said.body.get("stage") for said in told].count(WAITING) > 1:
        yield "it is told twice that it waits"
    if len({said.ce_id for said in told}) < len(told):
        yield "two records of its progress have one ce_id"
    times = [said.record.timestamp for said in told]
    near = [later - earlier for earlier, later in pairwise(times) if later - earlier < APART_MS - TOLERANCE_MS]
    if near:
        yield f"two records of its progress are only {min(near)} ms apart"
    ended = max((outcome.record.timestamp for outcome in case.first_outcomes()), default=None)
    if ended is not None and times[-1] > ended + TOLERANCE_MS:
        yield f"progress {times[-1] - ended} ms after its outcome"
