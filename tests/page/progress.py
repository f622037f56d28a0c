"""What a member sees while it is being written. The steps are staged: they come when the test says so, beside whatever the
worker sends, which lies below their sequence."""

from __future__ import annotations

import time
from collections.abc import Callable

from browser import ANSWER, FEEDBACK, SMALL_PHONE, Page

DRAFT = "#feedback-list .letter-draft"
FAR = 10**12
"""Above any sequence of a worker's."""
FIRST, SECOND = "답변은 핵심을 파악하고 있습니다.", "다만 근거가 부족합니다."


def ask(page: Page, slow: str) -> str:
    """Asks for feedback that takes its time; returns the request's id."""
    wait_for_the_present(page)
    known = page.events("FeedbackRequested")
    page.ask_for_feedback(slow)
    page.wait_shown("#feedback-list .waiting")
    return new_request(page, known)


def wait_for_the_present(page: Page) -> None:
    """While the past is told again nothing is drawn, and only afterwards is the form of the résumé there."""
    over = "return !document.getElementById('resume-form-view').hidden"
    page.wait("the end of the past", lambda: page.run(over))


def new_request(page: Page, known: list[str]) -> str:
    page.wait("the request", lambda: len(page.events("FeedbackRequested")) > len(known))
    return next(id_ for id_ in page.events("FeedbackRequested") if id_ not in known)


def write(page: Page, request: str, step: int, text: str) -> None:
    page.hear_progress(request, FAR + step, eventName="PROBLEM_FEEDBACK", stage="WRITING", text=text)


def title(page: Page) -> str:
    """As the document has it now: the driver hears of it a moment later."""
    return str(page.run("return document.title"))


def sentences_appear_as_they_are_written(page: Page, slow: str) -> None:
    page.open()
    request = ask(page, slow)
    page.hear_progress(request, FAR, eventName="PROBLEM_FEEDBACK", stage="WAITING")
    assert page.text("#feedback-list .waiting").startswith("기다리는 중이에요. 앞선 요청이나 모델을")
    assert "기다리는 중이에요" in page.text("#live")
    write(page, request, 1, FIRST)
    assert page.text(DRAFT) == FIRST == page.text("#live")
    assert "이어서 쓰고 있어요" in page.text("#feedback-list .waiting")
    page.run("window.first = document.querySelector(arguments[0]).firstChild", DRAFT)
    write(page, request, 2, f"{FIRST} {SECOND}")
    assert page.text(DRAFT) == f"{FIRST} {SECOND}"
    assert page.text("#live") == SECOND, "only what is new is read out"
    assert page.run("return first.isConnected"), "what is there already is left alone"
    write(page, request, 1, "늦게 온 것입니다.")
    write(page, "another", 9, "다른 요청의 것입니다.")
    assert page.text(DRAFT) == f"{FIRST} {SECOND}"
    assert not page.is_shown(FEEDBACK), "a draft is no letter"
    page.wait_shown(FEEDBACK)
    whole = page.text(FEEDBACK)
    assert FIRST not in whole and page.text("#live") == f"피드백이 도착했습니다. {whole}"
    write(page, request, 9, "결과 뒤에 온 것입니다.")
    assert page.text(FEEDBACK) == whole and page.all(DRAFT) == []
    page.reload()
    page.wait_shown(FEEDBACK)
    assert page.text(FEEDBACK) == whole


def the_outcome_takes_the_place_of_its_beginning_without_a_move(page: Page, slow: str) -> None:
    page.open()
    page.ask_for_feedback(ANSWER)
    page.wait_shown(FEEDBACK)
    whole = page.text(FEEDBACK)
    beginning = whole[: whole.index(".") + 1]
    request = ask(page, slow)
    write(page, request, 1, beginning)
    places = """
    const [draft] = document.querySelectorAll('.letter-draft, .letter-text');
    window.kept ??= draft;
    window.began ??= draft.firstChild;
    return [draft === kept, began.isConnected, draft.offsetTop, draft.closest('.letter').offsetTop];
    """
    before = page.run(places)
    page.wait("the outcome", lambda: len(page.all(FEEDBACK)) == 2)
    assert page.text(FEEDBACK) == whole
    assert page.run(places) == before and before[:2] == [True, True]
    assert page.text("#live") == f"피드백이 도착했습니다. {whole[len(beginning) :].strip()}"


def room_is_kept_for_what_is_yet_to_come(page: Page, slow: str) -> None:
    page.open()
    page.ask_for_feedback(ANSWER)
    page.wait_shown(FEEDBACK)
    request = ask(page, slow)
    below = "return document.querySelectorAll('#feedback-list > li')[1].offsetTop"
    before = page.run(below)
    write(page, request, 1, FIRST)
    write(page, request, 2, f"{FIRST} {SECOND}")
    assert page.run(below) == before


def markup_in_a_draft_is_shown_as_text(page: Page, slow: str) -> None:
    attack = "<img src=x onerror=\"document.title='taken'\">문장입니다."
    page.open()
    write(page, ask(page, slow), 1, attack)
    assert page.text(DRAFT) == attack
    assert page.all("main img") == [] and "taken" not in page.driver.title


def the_title_tells_that_sentences_came(page: Page, slow: str) -> None:
    page.open()
    page.write("#feedback-answer", slow)
    wait_for_the_present(page)
    page.hide()
    page.run("document.getElementById('feedback-send').click()")
    request = new_request(page, [])
    write(page, request, 1, FIRST)
    assert title(page) == "(1) 피드백이 오고 있어요 · CareerBee"
    write(page, request, 2, f"{FIRST} {SECOND}")
    assert title(page) == "(1) 피드백이 오고 있어요 · CareerBee", "one request is one piece of news"
    page.wait("what came", lambda: page.driver.title == "(1) 피드백이 도착했어요 · CareerBee")
    page.show()
    page.wait("the title", lambda: page.driver.title == "CareerBee · 면접 피드백과 이력서")


def the_resume_shows_which_part_is_under_way(page: Page, slow: str) -> None:
    page.open("resume", size=SMALL_PHONE)
    page.begin_resume()
    for number in (2, 3):
        page.click("#answer-skip")
        page.wait_for_question(number)
    page.answer(slow)
    page.wait_shown("#resume-waiting")
    request = page.wait(
        "the last answer", lambda: len(page.events("ResumeAnswer")) == 3 and page.events("ResumeAnswer")
    )[0]
    bar = "const bar = document.getElementById('resume-bar'); return [bar.value, bar.getAttribute('aria-valuetext')]"

    def hear(step: int, stage: str, **said: object) -> None:
        page.hear_progress(request, FAR + step, eventName="ADVANCED_RESUME_UPDATE", stage=stage, **said)

    assert not page.is_shown("#resume-bar")
    height = page.run("return document.getElementById('resume-waiting').offsetHeight")
    hear(0, "WAITING")
    assert page.text("#resume-waits-for").startswith("기다리는 중이에요")
    hear(1, "WRITING", section="소개", percent=20)
    assert page.text("#resume-waits-for").startswith("이력서를 쓰고 있어요")
    assert page.run(bar) == [20, "20%, 소개"] and page.text("#live") == "소개, 20%"
    assert page.run("return document.getElementById('resume-waiting').offsetHeight") == height
    assert title(page) == "이력서를 쓰고 있어요 20% · CareerBee"
    heading = "<b>프로젝트</b> " + "a" * 200
    hear(2, "WRITING", section=heading, percent=15)
    assert page.run(bar) == [20, f"20%, {heading}"], "it never goes back"
    assert page.text("#resume-part") == heading and page.overflow() == 0
    hear(3, "STORING")
    assert page.text("#resume-waits-for").startswith("문서를 저장하는 중") and page.run(bar) == [99, "99%"]
    page.wait_shown("#download")
    assert not page.is_shown("#resume-bar") and title(page) == "CareerBee · 면접 피드백과 이력서"


def the_first_sentence_is_read_while_the_others_are_written(page: Page, streamed: str) -> None:
    """Nothing is staged: the model writes token by token, and the worker tells."""
    page.open()
    ask(page, streamed)
    asked = time.monotonic()
    first = page.wait("the first sentence", lambda: page.text(DRAFT))
    began = time.monotonic()
    page.run("window.first = document.querySelector(arguments[0]).firstChild", DRAFT)
    page.wait_shown(FEEDBACK)
    whole = page.text(FEEDBACK)
    assert whole.startswith(first) and first != whole, (first, whole)
    assert page.run("return first.isConnected"), "what was read is not drawn again"
    assert began - asked < 0.5 * (time.monotonic() - asked), "before half of it has been written"


STREAMING_TESTS: list[Callable[[Page, str], None]] = [the_first_sentence_is_read_while_the_others_are_written]
SLOWNESS_TESTS: list[Callable[[Page, str], None]] = [
    sentences_appear_as_they_are_written,
    the_outcome_takes_the_place_of_its_beginning_without_a_move,
    room_is_kept_for_what_is_yet_to_come,
    markup_in_a_draft_is_shown_as_text,
    the_title_tells_that_sentences_came,
    the_resume_shows_which_part_is_under_way,
]
