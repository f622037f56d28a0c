"""Pictures of the page in its main states, to be looked at by people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from browser import DESKTOP, PHONE, Page

ANSWER = (
    "TCP는 3-way handshake로 연결을 맺고, 순서와 재전송을 보장해 신뢰성이 높습니다. "
    "UDP는 연결 없이 보내서 빠르지만 유실될 수 있어 실시간 스트리밍에 어울립니다."
)
ANSWERS = (
    "대용량 주문을 처리하는 쇼핑몰 서버를 만들었고, 결제와 재고를 잇는 이벤트 처리를 맡았습니다.",
    "주문이 몰려도 결제가 밀리지 않아야 해서 Kafka를 골랐습니다. 동기 호출보다 지연이 40% 줄었습니다.",
    "같은 메시지가 두 번 오는 문제를 멱등 키와 트랜잭션으로 해결했습니다.",
)
LOOKS = (("desktop", DESKTOP, "light"), ("desktop-dark", DESKTOP, "dark"), ("phone", PHONE, "light"))


def take_screenshots(page: Page, folder: Path, failing: str | None) -> None:
    """Goes through both flows in each look, as the members whom the page offers."""
    for name, size, scheme in LOOKS:
        look = Page(page.driver, page.url)
        look.member = 1001 + LOOKS.index((name, size, scheme))
        look.open("feedback", size, scheme)

        def shoot(what: str, look: Page = look, name: str = name) -> None:
            look.screenshot(folder / f"{name}-{what}.png")

        feedback(look, shoot, failing)
        dialogue(look, shoot)
        if look.is_shown("#events-open"):
            look.click("#events-open")
            look.click("#event-list summary")
            shoot("events")


def feedback(page: Page, shoot: Callable[[str], None], failing: str | None) -> None:
    shoot("empty")
    if failing:
        page.ask_for_feedback(f"{ANSWER} {failing}")
        page.wait_shown("#feedback-list > :first-child .problem")
        shoot("error")
    page.ask_for_feedback(ANSWER)
    page.wait_shown("#feedback-list > :first-child .letter-text")
    shoot("feedback")


def dialogue(page: Page, shoot: Callable[[str], None]) -> None:
    page.click("#tab-resume")
    page.wait(
        "the form, or the résumé of an earlier tour",
        lambda: page.is_shown("#resume-form") or page.is_shown("#download"),
    )
    if page.is_shown("#download"):
        page.click("#resume-done-view [data-start-over]")
    shoot("form")
    page.write("#email", "haneul@example.com")
    page.run("document.getElementById('preferred_job').value = 'BACKEND'")
    page.write("#certification_count", "2")
    page.write("#project_count", "3")
    page.click("#resume-send")
    for number, answer in enumerate(ANSWERS, start=1):
        page.wait_for_question(number)
        if number == 2 and page.is_shown("#events"):
            page.click("#event-list summary")
        page.write("#answer", answer)
        if number == 2:
            shoot("dialogue")
        page.click("#answer-send")
    page.wait_shown("#download")
    shoot("finished")
