"""The page in its browser: other tabs and windows, the title, the address bar, the network, the screen."""

from __future__ import annotations

from collections.abc import Callable

from browser import ANSWER, DESKTOP, FEEDBACK, PHONE, TINY_PHONE, Page

WINDOWS = 9
"""Three more than a browser opens connections to a server over HTTP/1.1."""

TITLE = "CareerBee · 면접 피드백과 이력서"


def every_window_works_however_many_there_are(page: Page) -> None:
    page.open()
    windows = [page, *(page.another_window() for _ in range(WINDOWS - 1))]
    for window in windows:
        window.focus()
        window.wait_until_connected()
        window.ask_for_feedback(f"{ANSWER} {window.member}")
    for window in windows:
        window.focus()
        window.wait_shown(FEEDBACK)
        assert str(window.member) in window.text("#feedback-list .own")
        assert not window.is_shown("#feedback-problem")


def windows_of_one_member_show_the_same(page: Page) -> None:
    page.open()
    other = page.another_window(page.member)
    other.wait_until_connected()
    other.ask_for_feedback(ANSWER)
    page.focus()
    page.wait_shown(FEEDBACK)
    page.close_other_windows()
    page.ask_for_feedback("다른 창이 닫힌 뒤의 답변입니다.")
    page.wait("the second feedback", lambda: len(page.all(FEEDBACK)) == 2)


def a_hidden_tab_gives_its_connection_back_and_catches_up(page: Page) -> None:
    page.open()
    page.hide()
    streams = "return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/sse/')).length"
    page.wait("the end of the stream", lambda: page.run(streams) == 1)
    page.post("/api/v1/feedback/create", question="B+ 트리는 왜 쓰나요?", answer=ANSWER)
    page.show()
    page.wait_shown(FEEDBACK)
    assert page.driver.title == TITLE


def the_title_tells_what_is_waited_for_and_what_came(page: Page, slow: str) -> None:
    page.open()
    icon = page.run("return document.querySelector('link[rel=icon]').href")
    page.ask_for_feedback(slow)
    page.wait("what is waited for", lambda: page.driver.title == "피드백을 쓰고 있어요 · CareerBee")
    page.hide()
    page.wait("what came", lambda: page.driver.title == "(1) 피드백이 도착했어요 · CareerBee")
    assert page.run("return document.querySelector('link[rel=icon]').href") != icon
    page.show()
    page.wait("the title", lambda: page.driver.title == TITLE)
    assert page.run("return document.querySelector('link[rel=icon]').href") == icon


def a_hidden_tab_that_waits_is_connected(page: Page) -> None:
    page.open("resume")
    page.begin_resume()
    page.hide()
    page.run("document.getElementById('answer-skip').click()")
    page.wait("what came", lambda: page.driver.title == "(1) 질문 2/3 · CareerBee")
    page.show()
    page.wait_for_question(2)
    assert page.driver.title == TITLE


def nothing_moves_when_the_page_is_loaded(page: Page) -> None:
    page.open()
    page.ask_for_feedback(ANSWER)
    page.wait_shown(FEEDBACK)
    for number, size in enumerate((DESKTOP, PHONE, TINY_PHONE), start=1):
        page.open(size=size)
        page.wait_shown(FEEDBACK)
        # A record of the present comes after all that the past may have moved.
        page.post("/api/v1/resume/agent/update", answer="없는 질문의 답변")
        page.wait("a record of the present", lambda number=number: len(page.events("RequestFailed")) == number)
        assert page.run("return scrollY") == 0, size


def tabs_are_entries_of_the_history(page: Page) -> None:
    page.open()
    page.click("#tab-resume")
    page.wait_shown("#resume-form")
    page.driver.back()
    page.wait_shown("#feedback-form")
    page.driver.forward()
    page.wait_shown("#resume-form")
    page.run("location.hash = 'feedback'")
    page.wait_shown("#feedback-form")
    page.click("#tab-resume")
    page.reload()
    page.wait_shown("#resume-form")
    page.run("document.getElementById('skip-link').click()")
    assert page.run("return [document.activeElement.id, location.hash]") == ["main", "#resume"]


def a_lost_network_is_told(page: Page) -> None:
    page.open()
    page.go_offline()
    page.wait("the loss", lambda: page.text("#connection") == "오프라인")
    assert page.text("#live") == "인터넷 연결이 끊겼습니다."
    page.go_online()
    page.wait_until_connected()
    assert page.text("#live") == "다시 연결됐습니다."
    # The browser itself says that it could not load anything.
    assert all("ERR_INTERNET_DISCONNECTED" in error for error in page.console_errors())
    page.ask_for_feedback(ANSWER)
    page.wait_shown(FEEDBACK)


def what_is_selected_is_seen_with_forced_colours(page: Page) -> None:
    page.open(forced_colors=True)
    outline = "return getComputedStyle(document.querySelector(arguments[0])).outlineStyle"
    for selected, other in (
        ("#tab-feedback", "#tab-resume"),
        (".chip :checked + span", ".chip :not(:checked) + span"),
    ):
        assert (page.run(outline, selected), page.run(outline, other)) == ("solid", "none"), selected


TESTS: list[Callable[[Page], None]] = [
    every_window_works_however_many_there_are,
    windows_of_one_member_show_the_same,
    a_hidden_tab_gives_its_connection_back_and_catches_up,
    a_hidden_tab_that_waits_is_connected,
    nothing_moves_when_the_page_is_loaded,
    tabs_are_entries_of_the_history,
    a_lost_network_is_told,
    what_is_selected_is_seen_with_forced_colours,
]
SLOWNESS_TESTS: list[Callable[[Page, str], None]] = [the_title_tells_what_is_waited_for_and_what_came]
