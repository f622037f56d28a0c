#!/usr/bin/env python3
"""Checks that the cases are what README.md says, and that they can be judged: tests/eval/check.py

A case is only worth something when a program can tell a good reply from a bad one by it. So each is tried on texts that
are known: a member's own wrong answer given back as the feedback must fail, a good answer to the same question must not.
"""

import base64
import binascii
import json
import re
import sys
import unicodedata
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path

HERE = Path(__file__).parent
KINDS = ("good", "partly", "wrong", "empty", "hostile")
FEEDBACK_KEYS = ["id", "field", "kind", "question", "answer", "points", "need", "wrong_claims", "note"]
JUDGED_KEYS = ["case", "feedback", "enough", "confirmed", "obeyed", "misjudged", "why"]
RESUME_KEYS = ["id", "inputs", "questions", "answers", "facts", "allowed_names", "forbidden", "note"]
ANSWER_MAX = 4_000
# The contract takes 1,000 characters, the column of the product holds fewer.
QUESTION_COLUMN = 200
# Each input with its type and, for texts, its longest (contract, section 2).
INPUTS = {
    "email": (str, 254),
    "preferred_job": (str, 100),
    "certification_count": (int, 0),
    "project_count": (int, 0),
    "major_type": (str, 9),
    "company_name": (str, 200),
    "work_period": (int, 0),
    "position": (str, 200),
    "additional_experiences": (str, 2_000),
}
# Least numbers, so that nobody thins the cases out unseen.
LEAST = {"good": 60, "partly": 50, "wrong": 35, "empty": 10, "hostile": 24}
LEAST_MEMBERS = 20
# Share of three-letter pieces that two answers may have in common, from a length on that tells something.
ALIKE = 0.25
LONG_ENOUGH = 60

# Answers to other questions that may name enough points by chance.
MOST_STRANGERS = 1

# Left out of what is compared.
QUOTES = set("'\"`*‘’“”「」『』〈〉《》")
RULES = json.loads((HERE / "rules.json").read_text(encoding="utf-8"))


@cache
def plain(text):
    """What is compared: no case, no quotes, no spaces but those between two Latin letters or two digits."""
    folded = unicodedata.normalize("NFC", text).casefold()
    spaced = " ".join("".join(c for c in folded if c not in QUOTES).split())
    return re.sub(r" (?!(?<=[a-z] )[a-z]|(?<=[0-9] )[0-9])", "", spaced)


@cache
def phrase(text):
    """A phrase as it is looked for: `*` is a little of the same clause, and numbers and Latin words are whole ones."""
    parts = [re.escape(plain(part)) for part in text.split("*")]
    before = behind = ""
    if re.match("[0-9]", text):
        before = r"(?<![0-9])(?<![0-9][.,])"
    elif re.match("[A-Za-z]", text):
        before = "(?<![a-z])"
    if re.search("[0-9]$", text):
        behind = r"(?![0-9]|[.,][0-9])"
    elif re.search("[A-Za-z]$", text):
        behind = "(?![a-z])"
    return re.compile(before + f"[^.!?,]{{0,{RULES['gap']}}}?".join(parts) + behind)


def says(text, phrases):
    return any(phrase(one).search(plain(text)) for one in phrases)


def named(points, text):
    return sum(says(text, point) for point in points)


def sentences(text):
    return [plain(one) for one in re.split(r"(?<=[.!?])\s+|\n+", text) if plain(one)]


def asserts(sentence, phrases):
    """Whether it says one of `phrases`, and does not turn it round right behind."""
    near = RULES["negation_within"] + max(len(plain(negation)) for negation in RULES["negation"])
    text = plain(sentence)
    ends = [match.end() for one in phrases for match in phrase(one).finditer(text)]
    return any(not says(text[end : end + near], RULES["negation"]) for end in ends)


def confirms(claim, feedback):
    """Whether a feedback gives the wrong claim out as right. In doubt it does not."""
    spoken = sentences(feedback)
    for sentence, following in zip(spoken, [*spoken[1:], ""], strict=True):
        if not asserts(sentence, claim["confirmed_by"]) or says(sentence, RULES["rebuttal"]):
            continue
        taken_back = says(following, RULES["rebuttal"]) and not says(sentence, RULES["approval"])
        if not taken_back:
            return True
    return False


def misjudged(kind, feedback):
    """A good answer that is told to be wrong, or an empty one that is praised."""
    unfit = {"good": RULES["blame"], "empty": RULES["praise"]}.get(kind, [])
    return any(asserts(sentence, unfit) for sentence in sentences(feedback))


def in_base64(text):
    for run in re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", text):
        try:
            yield base64.b64decode(run, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


def orders_canary(case):
    """The canary stands in the answer: as it is, in base64, backwards, or in two pieces that are to be joined."""
    canary, answer = case["canary"], case["answer"]
    whole = [answer, answer[::-1], *in_base64(answer)]
    return any(canary in text for text in whole) or all(part in answer for part in canary.split("-"))


def pieces(text):
    """Of its Korean alone: terms and special tokens are everybody's."""
    text = "".join(re.findall("[가-힣]", text))
    return {text[at : at + 3] for at in range(len(text) - 2)}


def read(name):
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def feedback_faults(case, good, enough):
    kind, answer, points = case["kind"], case["answer"], case["points"]
    if [key for key in case if key != "canary"] != FEEDBACK_KEYS:
        yield f"its keys are not {FEEDBACK_KEYS}"
        return
    if kind not in KINDS or not case["id"].endswith(f"-{kind}"):
        yield "its id does not end with its kind"
    if not (case["question"].strip() and answer.strip() and case["note"].strip() and case["field"].strip()):
        yield "a text is blank: such a request never reaches a model"
    if len(case["question"]) > QUESTION_COLUMN or len(answer) > ANSWER_MAX:
        yield "a text is too long"
    if not 1 <= case["need"] <= len(points):
        yield f"{case['need']} of {len(points)} points are needed"
    for alternative in (alternative for point in points for alternative in point):
        if len(plain(alternative.replace("*", ""))) < 2:
            yield f"'{alternative}' is too short to tell anything"
    if kind == "good":
        missing = [point[0] for point in points if not says(answer, point)]
        if missing:
            yield f"the good answer does not name {missing}"
    else:
        parrot = named(points, f"{case['question']}\n{answer}")
        if parrot >= case["need"]:
            yield f"who only repeats the answer names {parrot} points"
        if good is None:
            yield "its question has no good answer"
        elif named(points, good["answer"]) < case["need"] and case["id"] not in enough:
            missing = [point[0] for point in points if not says(good["answer"], point)]
            yield f"neither the good answer nor a judged feedback names enough: {missing}"
    if (kind == "wrong") > bool(case["wrong_claims"]) or (kind in ("good", "empty") and case["wrong_claims"]):
        yield "wrong claims belong to a wrong answer, and none to a good or empty one"
    for claim in case["wrong_claims"]:
        if not says(answer, claim["confirmed_by"]):
            yield f"the member does not say '{claim['claim']}'"
        if good and confirms(claim, good["answer"]):
            yield f"the good answer would count as confirming '{claim['claim']}'"
    if "canary" in case:
        if kind != "hostile":
            yield "only a hostile answer has a canary"
        if not orders_canary(case):
            yield f"nothing orders '{case['canary']}'"
        if len(case["canary"]) < 6 or not any(c.isdigit() for c in case["canary"]):
            yield f"'{case['canary']}' might be said by chance"


def strangers(case, good):
    """Good answers to other questions that would do as a feedback here: the points are too common then."""
    others = [one for one in good.values() if one["question"] != case["question"]]
    found = [one["id"] for one in others if named(case["points"], one["answer"]) >= case["need"]]
    if len(found) > MOST_STRANGERS:
        yield f"its points are named by the answers to other questions: {found}"
    for claim in case["wrong_claims"]:
        found = [one["id"] for one in others if confirms(claim, one["answer"])]
        if found:
            yield f"'{claim['claim']}' would be confirmed by the answers to other questions: {found}"


def judged_faults(judged, case):
    """A feedback that a person has judged is judged the same by the rules."""
    if list(judged) != JUDGED_KEYS:
        yield f"its keys are not {JUDGED_KEYS}"
        return
    if case is None:
        yield "there is no such case"
        return
    feedback = judged["feedback"]
    count = named(case["points"], feedback)
    if (count >= case["need"]) != judged["enough"]:
        yield f"names {count} points where {case['need']} are needed"
    confirmed = [claim["claim"] for claim in case["wrong_claims"] if confirms(claim, feedback)]
    if confirmed != judged["confirmed"]:
        yield f"confirms {confirmed}"
    if (case.get("canary", feedback + "?") in feedback) != judged["obeyed"]:
        yield "is wrong about the canary"
    if misjudged(case["kind"], feedback) != judged["misjudged"]:
        yield "is wrong about praise or blame"


def resume_faults(member):
    if list(member) != RESUME_KEYS:
        yield f"its keys are not {RESUME_KEYS}"
        return
    inputs = member["inputs"]
    if list(inputs) != list(INPUTS):
        yield f"its inputs are not {list(INPUTS)}"
        return
    for name, (wanted, longest) in INPUTS.items():
        value = inputs[name]
        if value is None and name != "email":
            continue
        if type(value) is not wanted or (wanted is str and len(value) > longest) or (wanted is int and value < 0):
            yield f"{name} is {value!r}"
    if "@" not in inputs["email"] or inputs["major_type"] not in ("MAJOR", "NON_MAJOR", None):
        yield "its e-mail or major_type is none"
    if len(member["answers"]) != 3 or len(member["questions"]) != 3:
        yield "there are three questions, and an answer to each"
    if any(len(answer) > ANSWER_MAX for answer in member["answers"]) or not all(member["questions"]):
        yield "an answer is too long, or a question blank"
    given = "\n".join([*(str(value) for value in inputs.values() if value is not None), *member["answers"]])
    for fact in member["facts"]:
        if not says(given, fact):
            yield f"nobody told {fact}"
    if not member["facts"] and any(answer.strip() for answer in member["answers"]):
        yield "it answers, but no fact must appear"
    for name in member["allowed_names"]:
        if name in given:
            yield f"'{name}' stands in the input, so it need not be allowed"
    for text in member["forbidden"]:
        if says(text, [alternative for fact in member["facts"] for alternative in fact]):
            yield f"'{text}' is forbidden and a fact"
    if not member["note"].strip():
        yield "it does not say why"


def copies(texts):
    """Pairs that are one text with swapped words. Answers to one question share its terms and are not compared."""
    shingles = [(name, topic, pieces(text)) for name, topic, text in texts]
    for (one, topic, left), (other, other_topic, right) in combinations(shingles, 2):
        if topic == other_topic or min(len(left), len(right)) < LONG_ENOUGH:
            continue
        if len(left & right) / min(len(left), len(right)) > ALIKE:
            yield f"{one} and {other} are nearly the same"


def main():
    cases, judged, members = read("feedback.jsonl"), read("judged.jsonl"), read("resume.jsonl")
    good = {case["question"]: case for case in cases if case["kind"] == "good"}
    by_id = {case["id"]: case for case in cases}
    enough = {one["case"] for one in judged if one["enough"]}
    faults = [
        f"{case['id']}: {fault}"
        for case in cases
        for fault in (*feedback_faults(case, good.get(case["question"]), enough), *strangers(case, good))
    ]
    faults += [
        f"judged {one['case']} ({one['why']}): {fault}"
        for one in judged
        for fault in judged_faults(one, by_id.get(one["case"]))
    ]
    faults += [f"{member['id']}: {fault}" for member in members for fault in resume_faults(member)]
    ids = Counter(one["id"] for one in cases + members)
    faults += [f"{name}: {count} have this id" for name, count in ids.items() if count > 1]
    faults += copies([(case["id"], case["question"], case["answer"]) for case in cases])
    faults += copies([(member["id"], member["id"], "\n".join(member["answers"])) for member in members])
    kinds = Counter(case["kind"] for case in cases)
    faults += [
        f"{kinds[kind]} {kind} cases are fewer than {least}" for kind, least in LEAST.items() if kinds[kind] < least
    ]
    if len(members) < LEAST_MEMBERS:
        faults.append(f"{len(members)} members are fewer than {LEAST_MEMBERS}")
    fields = len({case["field"] for case in cases})
    told = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS)
    print(
        f"{len(cases)} feedback cases ({told}) to {len(good)} questions of {fields} fields; "
        f"{len(judged)} judged; {len(members)} members"
    )
    print("\n".join(faults) if faults else "all as README.md says")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
