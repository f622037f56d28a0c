"""What went with its topic, or cannot be kept as a dead letter: which records nobody has to wait for. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from judge import Case, sent_of
from watch import Letters
from wire import Sent

TOLD_LATE_S = 8.0
"""How much later than its topic went it may be read in a log that a dead letter lay there; it was away for longer."""


class Losses:
    """Of request topics and dead-letter topics that were deleted."""

    def __init__(self, letters: Letters, suffix: str, now: Callable[[], float]) -> None:
        self._letters = letters
        self._suffix = suffix
        self._now = now
        self._lost: dict[Case, list[Sent]] = {}
        self._letter_topics: list[tuple[str, float]] = []

    def topic_gone(self, cases: Iterable[Case], topic: str, generation: int, committed: dict[int, int]) -> list[Case]:
        """The requests of which records may be lost with the topic: it held them, and the group had not committed them.
        Some of them may be in work, and be answered yet."""
        lost = [
            (case, sent)
            for case in cases
            if _answered(case) + self.records_of(case) < len(case.sends)
            for sent in case.sends
            if (sent.topic, sent.generation) == (topic, generation) and sent.offset >= committed[sent.partition]
        ]
        for case, sent in lost:
            self._lost.setdefault(case, []).append(sent)
        return [case for case, _ in lost]

    def letter_topic_gone(self, topic: str) -> None:
        self._letter_topics.append((topic, self._now()))

    def records_of(self, case: Case) -> int:
        """How many of its records may be lost."""
        return len(self._lost.get(case, ()))

    def letters_of(self, case: Case) -> int:
        """How many of its dead letters do not come, though the log says where their records are: the broker refused them,
        or they went with their topic."""
        due = len(case.dead_letter_codes()) - len(case.dead_letters)
        if due <= 0:
            return 0
        seen = {sent_of(case, record, timed=True) for record in case.dead_letters}
        return min(due, sum(sent not in seen and self._is_told(sent) for sent in case.sends))

    def forget_records(self) -> None:
        """What was lost was never sent, but for what was in work and had an outcome of its own."""
        for case, lost in self._lost.items():
            needed = len(case.dead_letters) if case.request.is_undecodable else len(case.first_outcomes())
            for sent in lost[: max(0, len(case.sends) - needed)]:
                case.sends.remove(sent)

    def _is_told(self, sent: Sent) -> bool:
        gone = [at for topic, at in self._letter_topics if topic == sent.topic + self._suffix]
        since = sent.timestamp / 1000
        went = any(since <= kept <= at + TOLD_LATE_S for kept in self._letters.kept[sent.address] for at in gone)
        return went or any(since <= refused for refused in self._letters.refused[sent.address])


def _answered(case: Case) -> int:
    return len(case.dead_letters) if case.request.is_undecodable else len(case.outcomes)
