"""Workers of other releases beside these: what older ones have stored (tests/golden/), and what newer ones would. A newer worker is
staged: what it writes stands in Redis and in the groups' commits as docs/architecture.md, "Saved data", allows it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from by_hand import ByHand
from environment import Environment
from faults import LOOK_S, Script
from redis_wire import Access
from scene import Scene
from wire import QUESTION_GENERATED, RESUME_COMPLETED

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PROMPTS = re.compile(r"^paid twice: (\d+) prompts were paid for (\d+) requests$")
FREED_S = 30.0
KAFKA_S = 10.0
BESIDE = """
local added = 0
for _, key in ipairs(redis.call('KEYS', '*{*}*')) do
  local is_free = redis.call('EXISTS', key:match('^.-}') .. ':lock') == 0
  if is_free and redis.call('TYPE', key).ok == 'string' then
    local stored = redis.call('GET', key)
    if stored:sub(1, 1) == '{' and not stored:find('"mood"', 1, true) then
      local more = '{"mood":{"at":12345678901234567},'
      stored = stored:gsub('^{', more):gsub('"inputs":{', '"inputs":' .. more):gsub('{"questionId"', more .. '"questionId"')
      redis.call('SET', key, stored, 'KEEPTTL')
      added = added + 1
    end
  end
end
return added
"""
"""What a newer worker adds to whatever it writes: fields in each place where there may be some. Like a worker, it changes nothing of
a member for whom another one works."""


class Skew(Environment):
    name = "skew"
    about = "what older and newer workers have stored and committed"

    def settings(self, stand) -> dict[str, str]:
        # Partitions of a worker that is killed are free the sooner.
        return {"RUST_LOG": self.log, "REQUEST_DEADLINE": "20s"}

    def script(self, scene: Scene) -> Script:
        self._redis = Access(scene.stand.redis.port)
        self._by_hand = ByHand(scene)
        yield 1.0
        with scene.event("newer workers add fields to sessions, ended lists, outcomes"):
            yield from self._beside(scene, 8.0 if self.short else 40.0)
        with scene.event("interviews that older workers began"):
            for golden in ("first_question.unnumbered.json", "first_question.1.json"):
                yield from self._goes_on(scene, golden)
        with scene.event("a session of a newer format: left alone, replayed once newer workers are there"):
            yield from self._newer_session(scene)
        with scene.event("sessions with a version that is none"):
            for version in ("1.0", "1.5", '"7"', "null", "18446744073709551615"):
                yield from self._odd_version(scene, version)
        with scene.event("outcomes of a newer format, of another type, of another codec: no second outcome"):
            yield from self._newer_outcome(scene)
        maps = ["s2:AAAA"] if self.short else ["s2:AAAA", "s1:not base64!", "r1:" + "x" * 2000, '{"done": [1, 2]}']
        for commits in maps:
            with scene.event(f"kill -9 of both, their commits written as {commits[:16]!r}", moves=True):
                yield from self._other_map(scene, commits)
        yield 2.0
        self._paid = self._by_hand.paid()
        self._by_hand.close()

    def excuse(self, violation: str) -> str | None:
        found = PROMPTS.match(violation)
        if found and int(found[1]) - int(found[2]) <= self._paid:
            return f"{self._paid} of them were for members whom the judge does not know"
        return None

    def _session(self, member: int) -> str:
        return f"resume:{{{member}}}"

    def _put(self, key: str, value: str) -> None:
        self._redis.ask("SET", key, value, "PX", "600000")

    def _beside(self, scene: Scene, seconds: float) -> Script:
        """Whoever changes a session afterwards keeps what it does not know."""
        marked: dict[str, tuple[str, int]] = {}
        added = survived = 0
        end = scene.now() + seconds
        while scene.now() < end:
            for key in self._redis.ask("KEYS", "resume:{*}"):
                text = self._redis.ask("GET", key)
                if text is None or not key.endswith("}"):
                    continue
                session = json.loads(text)
                place = (session["sessionId"], session["version"])
                if key in marked and marked[key][0] == place[0]:
                    whole = all("mood" in part for part in (session, session["inputs"], session["exchanges"][0]))
                    scene.expect(whole, f"{key} has lost what a newer worker had added")
                    survived += place[1] > marked[key][1]
                if "mood" in session:
                    marked[key] = place
            added += int(self._redis.ask("EVAL", BESIDE, "0"))
            yield LOOK_S
        scene.expect(survived > 0, "no session was changed after fields had been added: nothing was tried")
        scene.stand.tell(f"fields were added to {added} values, and survived {survived} changes of sessions")

    def _goes_on(self, scene: Scene, golden: str) -> Script:
        by_hand, member = self._by_hand, self._by_hand.member()
        stored = (GOLDEN / golden).read_text()
        self._put(self._session(member), stored)
        question = json.loads(stored)["exchanges"][0]["questionId"]
        for number in range(3):
            by_hand.answer(member, question)
            outcome = yield from by_hand.outcome(member, number)
            if outcome is None or outcome.type == RESUME_COMPLETED:
                break
            question = outcome.body.get("questionId", "")
            scene.expect(outcome.type == QUESTION_GENERATED, f"{golden}: {outcome.type} {outcome.code}")
        scene.expect(outcome is not None and outcome.type == RESUME_COMPLETED, f"{golden} never came to a résumé")

    def _newer_session(self, scene: Scene) -> Script:
        by_hand, member = self._by_hand, self._by_hand.member()
        known = (GOLDEN / "first_question.1.json").read_text()
        newer = known.replace('"format":1', '"format":2', 1)
        self._put(self._session(member), newer)
        by_hand.answer(member, json.loads(known)["exchanges"][0]["questionId"])
        failed = yield from by_hand.outcome(member, 0)
        if failed is not None:
            scene.expect((failed.code, failed.retryable) == ("INTERNAL", True), f"it was {failed.type} {failed.code}")
        scene.expect(self._redis.ask("GET", self._session(member)) == newer, "it was changed")
        scene.expect(by_hand.calls(member) == 0, "it was paid for")
        yield from scene.until("it is kept as a dead letter", lambda: bool(by_hand.letters(member)), KAFKA_S)
        # As if the newer workers were these.
        self._put(self._session(member), known)
        ended = yield from scene.command("dlt", "replay", "--member", str(member), "--yes")
        scene.expect(ended.code == 0, f"dlt replay ended with {ended.code}: {ended.said}")
        second = yield from by_hand.outcome(member, 1)
        # The model may know enough.
        goes_on = second is not None and second.type in (QUESTION_GENERATED, RESUME_COMPLETED)
        scene.expect(goes_on, "its interview did not go on")

    def _odd_version(self, scene: Scene, version: str) -> Script:
        by_hand, member = self._by_hand, self._by_hand.member()
        stored = (GOLDEN / "first_question.1.json").read_text()
        self._put(self._session(member), re.sub(r'"version":\d+', f'"version":{version}', stored))
        by_hand.init(member)
        outcome = yield from by_hand.outcome(member, 0)
        if outcome is not None:
            scene.expect(outcome.type == QUESTION_GENERATED, f"version {version}: {outcome.type} {outcome.code}")
        calls = by_hand.calls(member)
        scene.expect(calls <= 2, f"version {version} was paid for {calls} times")

    def _newer_outcome(self, scene: Scene) -> Script:
        by_hand, member = self._by_hand, self._by_hand.member()
        by_hand.feedback(member, "asked-before")
        first = yield from by_hand.outcome(member, 0)
        (key,) = self._redis.ask("KEYS", f"feedback:{{{member}}}:outcome:*")
        stored = self._redis.ask("GET", key)
        others = (
            stored.replace('"format":1', '"format":2', 1),
            stored.replace("FeedbackGenerated", "FeedbackSung", 1),
            "\x1f\x08",
        )
        for count, other in enumerate(others, 1):
            self._put(key, other)
            by_hand.feedback(member, "asked-before")
            yield from scene.until(
                f"dead letter {count}", lambda wanted=count: len(by_hand.letters(member)) >= wanted, FREED_S
            )
            scene.expect(self._redis.ask("GET", key) == other, "the entry was replaced")
        scene.expect(len(by_hand.outcomes(member)) == 1, "a second outcome was sent")
        scene.expect(by_hand.calls(member) == 1, f"it was paid for {by_hand.calls(member)} times")
        self._put(key, stored)
        by_hand.feedback(member, "asked-before")
        again = yield from by_hand.outcome(member, 1)
        if first is not None and again is not None:
            scene.expect(again.record.value == first.record.value, "the answer came back otherwise")

    def _other_map(self, scene: Scene, commits: str) -> Script:
        """What is done behind the committed offsets is not known any more, and is found in the journal."""
        workers = scene.stand.workers
        for worker in workers:
            worker.kill()
        written = {"count": 0}

        def write() -> bool:
            try:
                written["count"] = _rewrite(scene, commits)
            except KafkaException:
                return False  # The group still has members, as far as the broker knows.
            return True

        yield from scene.until("the groups are free, and their commits rewritten", write, FREED_S)
        scene.expect(written["count"] > 0, "there was no commit to rewrite")
        for worker in workers:
            worker.start()
        yield from scene.all_ready()
        yield 3.0


def _rewrite(scene: Scene, metadata: str) -> int:
    """The offsets stay, and what is said beside them is another's."""
    names, partitions = scene.stand.names, range(3)
    count = 0
    for group in sorted(set(names.groups.values())):
        topics = [topic for flow, topic in names.requests.items() if names.groups[flow] == group]
        asking = Consumer({"bootstrap.servers": scene.stand.broker.address, "group.id": group, "log_level": 0})
        try:
            places = [TopicPartition(topic, number) for topic in topics for number in partitions]
            committed = [place for place in asking.committed(places, timeout=KAFKA_S) if place.offset >= 0]
            others = [TopicPartition(one.topic, one.partition, one.offset, metadata) for one in committed]
            asking.commit(offsets=others, asynchronous=False)
            count += len(others)
        finally:
            asking.close()
    return count
