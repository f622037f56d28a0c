"""The gateway's page, tried in a real browser as members use it.

    page.py --url http://127.0.0.1:8000/ [--failing-answer TEXT] [--slow-answer TEXT]
            [--streamed-answer TEXT] [--screenshots DIR] [NAME ...]

The gateway, a worker and its model are running. What a test wants of the model it writes into its answers: the model
fails for one that holds `--failing-answer` (each time, and so that another try may help), and takes at least three
seconds for one that holds `--slow-answer`; to one that holds `--streamed-answer` it writes several sentences in as many seconds,
token by token. Without these the tests that need them are left out. With NAMEs only the
tests whose name holds one of them are run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import docx
from selenium.webdriver.common.keys import Keys

import progress
import windows
from browser import ANSWER, FEEDBACK, SMALL_PHONE, Page, start
from tour import take_screenshots

PROBLEM = "#feedback-list .problem"


def feedback_arrives(page: Page) -> None:
    page.open()
    page.ask_for_feedback(ANSWER)
    page.wait_shown(FEEDBACK)
    assert len(page.text(FEEDBACK)) > 20
    assert ANSWER in page.text("#feedback-list .own")
    assert page.events("FeedbackGenerated") == page.events("FeedbackRequested")
    assert "피드백이 도착했습니다" in page.text("#live")


def a_question_of_ones_own_is_asked(page: Page) -> None:
    page.open()
    page.click_text(".chip", "직접 쓰기")
    page.ask_for_feedback(ANSWER)
    assert page.text("#own-question-error") == "질문을 써 주세요."
    page.write("#own-question", "B+ 트리는 왜 쓰나요?")
    page.click("#feedback-send")
    page.wait_shown(FEEDBACK)
    assert page.text(".letter-question") == "B+ 트리는 왜 쓰나요?"


def what_is_missing_or_too_long_is_told_before_it_is_sent(page: Page) -> None:
    page.open()
    page.click("#feedback-send")
    assert page.text("#feedback-answer-error") == "답변을 써 주세요."
    page.run(
        "const e = arguments[0]; e.value = '가'.repeat(4003); e.dispatchEvent(new Event('input', { bubbles: true }))",
        page.all("#feedback-answer")[0],
    )
    assert page.text("#feedback-answer-count") == "4,003 / 4,000"
    page.click("#feedback-send")
    assert "3자를 줄여" in page.text("#feedback-answer-error")
    page.click("#tab-resume")
    page.write("#email", "haneul")
    page.write("#work_period", "-3")
    page.click("#resume-send")
    assert page.is_shown("#email-error") and page.is_shown("#work_period-error")
    assert page.run("return document.activeElement.id") == "email"
    assert page.all("#event-list > li") == []


def a_double_click_sends_one_request(page: Page) -> None:
    page.open()
    page.write("#feedback-answer", ANSWER)
    page.double_click("#feedback-send")
    page.wait_shown(FEEDBACK)
    page.second_click("#feedback-send")
    page.click("#tab-resume")
    page.write("#email", "haneul@example.com")
    page.double_click("#resume-send")
    page.wait_for_question(1)
    page.double_click("#answer-skip")
    page.wait_for_question(2)
    page.second_click("#answer-skip")
    # What comes next is behind whatever the second clicks may have sent.
    page.answer("두 번 누르지 않았습니다.")
    page.wait_for_question(3)
    assert len(page.events("FeedbackRequested")) == 1
    assert len(page.events("ResumeInit")) == 1
    assert len(page.events("ResumeAnswer")) == 2


def a_failure_is_told_and_tried_again_as_a_new_request(page: Page, failing: str) -> None:
    page.open()
    page.ask_for_feedback(failing)
    page.wait_shown(PROBLEM)
    assert "다시 시도해 주세요" in page.text(PROBLEM)
    page.click_text(f"{PROBLEM} button", "다시 시도")
    page.wait("the second failure", lambda: len(page.events("RequestFailed")) == 2)
    assert len(set(page.events("FeedbackRequested"))) == 2
    page.wait_shown(PROBLEM)
    assert len(page.all(PROBLEM)) == 1, "the failure before gives way"
    page.ask_for_feedback(ANSWER)
    page.wait_shown(FEEDBACK)


def a_failed_answer_keeps_the_question_and_the_text(page: Page, failing: str) -> None:
    page.open("resume")
    page.begin_resume()
    question = page.text("#question")
    page.answer(failing)
    page.wait_shown("#resume-problem")
    assert page.text("#question") == question and page.value("#answer") == failing
    page.reload()
    page.wait_shown("#resume-problem")
    assert page.text("#question") == question and page.value("#answer") == failing
    page.answer(ANSWER)
    page.wait_for_question(2)
    assert not page.is_shown("#resume-problem")


def what_did_not_reach_the_server_is_sent_again_under_the_same_key(page: Page) -> None:
    page.open()
    page.lose("request")
    page.ask_for_feedback(ANSWER)
    page.wait_shown("#feedback-problem")
    assert "서버에 닿지 못했습니다" in page.text("#feedback-problem")
    page.click_text("#feedback-problem button", "다시 보내기")
    page.wait_shown(FEEDBACK)
    assert not page.is_shown("#feedback-problem")
    first, second = page.run("return keys")
    assert first == second == page.events("FeedbackGenerated")[0]


def a_lost_reply_loses_nothing(page: Page) -> None:
    page.open("resume")
    page.lose("reply")
    page.begin_resume()
    assert not page.is_shown("#resume-problem")
    assert page.run("return keys") == page.events("ResumeInit")


def the_dialogue_ends_in_a_document(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    asked = [page.text("#question")]
    for number in (2, 3):
        page.answer(f"{number}번 프로젝트에서 주문 서버를 맡았습니다.")
        page.wait_for_question(number)
        asked.append(page.text("#question"))
        assert len(page.all("#exchanges > li")) == number - 1
    assert len(set(asked)) == 3
    page.answer("응답 시간을 절반으로 줄였습니다.")
    page.wait_shown("#download")
    assert len(page.all("#done-exchanges > li")) == 3
    text = downloaded(page)
    assert "이력서" in text and "haneul@example.com" in text, text


def downloaded(page: Page, link: str = "#download") -> str:
    """Clicks the download and returns the text of the document."""
    with tempfile.TemporaryDirectory() as folder:
        page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder})
        page.click(link)
        path = Path(folder) / "이력서.docx"
        page.wait("the file", path.exists)
        document = docx.Document(str(path))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([paragraph.text for paragraph in document.paragraphs] + cells)


def a_finished_resume_stays_at_hand(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    page.skip_to_the_end()
    page.click_text("[data-start-over]", "새로 시작")
    for _ in ("at once", "after a reload"):
        page.wait_shown("#finished a")
        below = "const [one, other] = arguments; return one.getBoundingClientRect().bottom <= other.getBoundingClientRect().top"
        assert page.run(below, page.all("#finished")[0], page.all("#resume-form")[0])
        assert "haneul@example.com" in downloaded(page, "#finished a")
        page.reload()
    page.click("#resume-return")
    page.wait_shown("#download")
    assert not page.is_shown("#finished"), "the one on the screen is no past one"
    page.click_text("[data-start-over]", "새로 시작")
    page.begin_resume("bada@example.com")
    assert page.is_shown("#finished a"), "while the next one is made"
    page.skip_to_the_end()
    assert len(page.all("#finished a")) == 1
    assert "bada@example.com" in downloaded(page) and "haneul@example.com" in downloaded(page, "#finished a")


def a_new_start_is_offered_and_survives_a_reload(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    question = page.text("#question")
    page.click_text("[data-start-over]", "처음부터 다시")
    page.reload()
    page.click("#resume-return")
    assert page.text("#question") == question
    page.click_text("[data-start-over]", "처음부터 다시")
    page.write("#project_count", "4")
    page.click("#resume-send")
    page.wait_for_question(1)
    assert len(page.events("ResumeInit")) == 2


def a_reload_shows_the_same_question_and_number(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    page.answer("주문 서버를 맡았습니다.")
    page.wait_for_question(2)
    question = page.text("#question")
    page.write("#answer", "아직 쓰는 중")
    page.reload()
    page.wait_for_question(2)
    assert page.text("#question") == question and page.value("#answer") == "아직 쓰는 중"
    page.run("sessionStorage.clear()")
    page.reload()
    page.wait_for_question(2)
    assert page.text("#question") == question
    assert page.text("#exchanges .said") == "주문 서버를 맡았습니다."
    page.answer("지연이 줄었습니다.")
    page.wait_for_question(3)


def a_skipped_question_is_passed(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    page.click("#answer-send")
    assert "건너뛰기" in page.text("#answer-error")
    page.click("#answer-skip")
    page.wait_for_question(2)
    assert page.text("#exchanges .said") == "건너뛴 질문"


def a_skip_asks_before_it_throws_text_away(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    page.write("#answer", "쓰다 만 답변")
    page.click("#answer-skip")
    page.wait_shown("#skip-dialog")
    page.press(Keys.ESCAPE)
    assert not page.is_shown("#skip-dialog") and page.value("#answer") == "쓰다 만 답변"
    assert page.run("return document.activeElement.id") == "answer-skip"
    page.press(Keys.ENTER)
    page.click("#skip-no")
    assert page.is_shown("#answer-form") and page.value("#answer") == "쓰다 만 답변"
    page.click("#answer-skip")
    page.click("#skip-yes")
    page.wait_for_question(2)
    assert page.text("#exchanges .said") == "건너뛴 질문"
    assert page.value("#answer") == "" and len(page.events("ResumeAnswer")) == 1


def the_next_question_comes_with_its_buttons_in_view(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    for number in (2, 3):
        page.answer("긴 답변입니다. " * 60)
        page.wait_for_question(number)
        bottom, height = page.run(
            "return [arguments[0].getBoundingClientRect().bottom, innerHeight]", page.all("#answer-skip")[0]
        )
        assert bottom <= height, (number, bottom, height)
        assert page.run("return document.activeElement.id") == "answer"


def an_answer_without_a_session_leads_to_the_form(page: Page) -> None:
    page.open("resume")
    page.wait_shown("#resume-form")
    page.post("/api/v1/resume/agent/update", answer="어느 질문이었더라")
    page.wait_shown("#resume-form-problem")
    assert "처음부터 다시 시작해 주세요" in page.text("#resume-form-problem")
    page.click_text("#resume-form-problem button", "처음부터 다시 시작")
    assert not page.is_shown("#resume-form-problem")
    page.begin_resume()


def a_stale_answer_changes_nothing_but_says_so(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    first = page.run("return document.querySelector('#answer').dataset.draft").removeprefix("answer:")
    page.click("#answer-skip")
    page.wait_for_question(2)
    question = page.text("#question")
    page.post("/api/v1/resume/agent/update", answer="늦은 답변", questionId=first)
    page.wait_shown("#resume-problem")
    assert "이미 지나간 질문" in page.text("#resume-problem")
    assert page.text("#question") == question
    page.answer("지금 질문의 답변")
    page.wait_for_question(3)
    assert not page.is_shown("#resume-problem")


def feedback_is_had_by_keyboard_alone(page: Page) -> None:
    page.open()
    page.press(Keys.TAB)
    assert page.text(":focus") == "본문으로 건너뛰기"
    page.tab_to("tab-feedback")
    page.press(Keys.ARROW_RIGHT)
    page.wait_shown("#resume-form")
    page.press(Keys.ARROW_LEFT)
    assert page.run("return document.activeElement.id") == "tab-feedback"
    page.tab_to("feedback-answer")
    page.press(ANSWER)
    page.tab_to("feedback-send")
    outline = page.run(
        "const style = getComputedStyle(document.activeElement); return [style.outlineStyle, style.outlineWidth]"
    )
    assert outline == ["solid", "3px"], outline
    page.press(Keys.ENTER)
    page.wait_shown(FEEDBACK)
    page.hold(Keys.SHIFT, Keys.TAB)
    page.hold(Keys.CONTROL, Keys.ENTER)
    page.wait("the second feedback", lambda: len(page.all(FEEDBACK)) == 2)


def nothing_is_wider_than_a_small_phone(page: Page) -> None:
    page.open(size=SMALL_PHONE)
    page.ask_for_feedback("가" * 90 + " " + "a" * 120)
    page.wait_shown(FEEDBACK)
    assert page.overflow() == 0
    page.click("#tab-resume")
    assert page.overflow() == 0
    page.begin_resume()
    page.answer("b" * 200)
    page.wait_for_question(2)
    assert page.overflow() == 0
    page.click("#events-open")
    page.click("#event-list summary")
    assert page.overflow() == 0
    assert (
        page.run(
            "const { scrollWidth, clientWidth } = document.getElementById('events'); return scrollWidth - clientWidth"
        )
        == 0
    )
    page.press(Keys.ESCAPE)
    page.wait("the closed sheet", lambda: not page.is_shown("#events[class~=open]"))
    assert page.run("return document.activeElement.id") == "events-open"
    page.click("#answer-skip")
    page.wait_for_question(3)
    page.click("#answer-skip")
    page.wait_shown("#download")
    assert page.overflow() == 0


def markup_in_an_answer_is_shown_as_text(page: Page) -> None:
    attack = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    page.open()
    page.click_text(".chip", "직접 쓰기")
    page.write("#own-question", attack)
    page.ask_for_feedback(attack)
    page.wait_shown(FEEDBACK)
    assert page.text(".letter-question") == attack and attack in page.text(".own")
    for summary in page.all("#event-list summary"):
        summary.click()
    page.wait("the JSON", lambda: len(page.all("#event-list .json")) == 2)
    assert "<img src=x" in page.text("[data-direction=request] .json")
    page.click("#tab-resume")
    page.begin_resume()
    page.answer(attack)
    page.wait_for_question(2)
    assert page.text("#exchanges .said") == attack
    assert page.all("img, main script, aside script") == [] and "taken" not in page.driver.title


def members_see_their_own_events_alone(page: Page) -> None:
    page.open()
    page.ask_for_feedback(ANSWER)
    page.wait_shown(FEEDBACK)
    page.write("#member-id", str(page.member - 1))
    page.press(Keys.ENTER, Keys.TAB)
    page.wait("an empty panel", lambda: page.is_shown("#events-empty"))
    assert page.value("#feedback-answer") == "" and page.all(FEEDBACK) == []
    page.write("#member-id", str(page.member))
    page.press(Keys.TAB)
    page.wait_shown(FEEDBACK)
    assert page.value("#feedback-answer") == ANSWER


def without_a_member_number_nothing_is_sent(page: Page) -> None:
    page.open()
    page.write("#feedback-answer", ANSWER)
    for wrong in ("abc", "0", ""):
        page.write("#member-id", wrong)
        page.click("#feedback-send")
        assert page.text("#member-id-error") == "1 이상의 숫자를 써 주세요."
        assert page.run("return document.activeElement.id") == "member-id"
    page.click_text("#member option", "김하늘 (1001)")
    page.click_text("#member option", "직접 입력")
    assert not page.is_shown("#member-id-error") and page.value("#member-id") == ""
    page.ask_for_feedback(ANSWER)
    assert page.is_shown("#member-id-error")
    page.write("#member-id", str(page.member))
    page.press(Keys.TAB)
    page.wait("the draft", lambda: page.value("#feedback-answer") == ANSWER)
    assert page.all("#event-list > li") == []
    page.click("#feedback-send")
    page.wait_shown(FEEDBACK)


def a_reload_shows_that_the_model_is_at_work(page: Page, slow: str) -> None:
    page.open()
    page.ask_for_feedback(slow)
    page.wait_shown("#feedback-list .waiting")
    page.reload()
    page.wait_shown("#feedback-list .waiting")
    page.wait("the seconds", lambda: page.text("#feedback-list .elapsed") in ("1초", "2초", "3초", "4초"))
    assert page.text("#feedback-send") == "피드백을 쓰는 중…"
    page.click("#feedback-send")
    page.wait_shown(FEEDBACK)
    assert page.text("#feedback-send") == "피드백 받기"
    assert len(page.events("FeedbackRequested")) == 1


TESTS: list[Callable[[Page], None]] = [
    feedback_arrives,
    a_question_of_ones_own_is_asked,
    what_is_missing_or_too_long_is_told_before_it_is_sent,
    a_double_click_sends_one_request,
    what_did_not_reach_the_server_is_sent_again_under_the_same_key,
    a_lost_reply_loses_nothing,
    the_dialogue_ends_in_a_document,
    a_finished_resume_stays_at_hand,
    a_new_start_is_offered_and_survives_a_reload,
    a_reload_shows_the_same_question_and_number,
    a_skipped_question_is_passed,
    a_skip_asks_before_it_throws_text_away,
    the_next_question_comes_with_its_buttons_in_view,
    an_answer_without_a_session_leads_to_the_form,
    a_stale_answer_changes_nothing_but_says_so,
    feedback_is_had_by_keyboard_alone,
    nothing_is_wider_than_a_small_phone,
    markup_in_an_answer_is_shown_as_text,
    members_see_their_own_events_alone,
    without_a_member_number_nothing_is_sent,
    *windows.TESTS,
]
FAILURE_TESTS: list[Callable[[Page, str], None]] = [
    a_failure_is_told_and_tried_again_as_a_new_request,
    a_failed_answer_keeps_the_question_and_the_text,
]
SLOWNESS_TESTS: list[Callable[[Page, str], None]] = [
    a_reload_shows_that_the_model_is_at_work,
    *progress.SLOWNESS_TESTS,
    *windows.SLOWNESS_TESTS,
]


def passes(name: str, test: Callable[[], None], page: Page) -> bool:
    """Runs a test. Whatever else it looks at, the browser's console stays empty."""
    began = time.monotonic()
    try:
        test()
        complaints = page.console_errors()
        assert not complaints, complaints
    except Exception:
        print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
        return False
    finally:
        page.close_other_windows()
    print(f"ok      {name} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="the gateway")
    parser.add_argument("--failing-answer", metavar="TEXT", help="the model fails for answers that hold this")
    parser.add_argument(
        "--slow-answer", metavar="TEXT", help="the model takes three seconds for answers that hold this"
    )
    parser.add_argument(
        "--streamed-answer",
        metavar="TEXT",
        help="the model writes several sentences, slowly, for answers that hold this",
    )
    parser.add_argument(
        "--screenshots", type=Path, metavar="DIR", help="where to put pictures of the page; none without it"
    )
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--chromedriver", default="/usr/bin/chromedriver")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()

    tests = [(test.__name__, test) for test in TESTS]
    if failing := options.failing_answer:
        tests += [(test.__name__, lambda page, test=test: test(page, failing)) for test in FAILURE_TESTS]
    if slow := options.slow_answer:
        tests += [(test.__name__, lambda page, test=test: test(page, slow)) for test in SLOWNESS_TESTS]
    if streamed := options.streamed_answer:
        tests += [(test.__name__, lambda page, test=test: test(page, streamed)) for test in progress.STREAMING_TESTS]
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
        tests.append(("take_screenshots", lambda page: take_screenshots(page, options.screenshots, failing)))
    chosen = [test for test in tests if not options.names or any(name in test[0] for name in options.names)]
    driver = start(options.chromium, options.chromedriver)
    try:
        results = []
        for name, test in chosen:
            page = Page(driver, options.url)
            page.console_errors()
            results.append(passes(name, lambda test=test, page=page: test(page), page))
    finally:
        driver.quit()
    print(f"{sum(results)} of {len(results)} passed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
