"""Debian's Chromium without a window, and the gateway's page as a member uses it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 60.0
"""Seconds that a request may take on a busy machine."""

DESKTOP, PHONE, SMALL_PHONE, TINY_PHONE = (1280, 800), (390, 844), (360, 740), (320, 568)

ANSWER = "TCP는 연결을 맺고 순서와 전달을 보장하지만, UDP는 보장하지 않는 대신 빠릅니다."
FEEDBACK = "#feedback-list .letter-text"

STAGE = """
const { addEventListener } = EventSource.prototype;
window.listeners = {};
EventSource.prototype.addEventListener = function (name, listener, ...rest) {
  listeners[name] = listener;
  return addEventListener.call(this, name, listener, ...rest);
};
"""
"""Run before the page's own scripts: keeps what listens to the event stream, so that a test can say what comes when."""

T = TypeVar("T")


def start(binary: str, driver: str) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.add_argument("--headless=new")
    options.add_argument("--no-sandbox")  # containers run as root
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument("--lang=ko")
    options.add_argument("--force-prefers-reduced-motion")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    started.set_page_load_timeout(PATIENCE)
    started.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": STAGE})
    return started


class Page:
    """The page of one member, whom no other test has."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url
        self.window = driver.current_window_handle
        self.member = random.randrange(10**9, 2**53)
        self.in_front: str | None = None

    def open(
        self, tab: str = "feedback", size: tuple[int, int] = DESKTOP, scheme: str = "light", forced_colors: bool = False
    ) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {
            "prefers-color-scheme": scheme,
            "prefers-reduced-motion": "reduce",
            "forced-colors": "active" if forced_colors else "none",
        }
        features = [{"name": name, "value": value} for name, value in media.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(self.url)
        self.run("localStorage.clear(); sessionStorage.clear()")
        self.load(tab)
        self.wait_until_connected()

    def load(self, tab: str) -> None:
        self.run("localStorage.setItem('member', arguments[0])", str(self.member))
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}#{tab}")

    # Other windows and tabs.

    def another_window(self, member: int | None = None) -> Page:
        """A second window of the same browser, in front of this one but beside it; of another member, if none is named."""
        self.run(
            "localStorage.setItem('member', arguments[0])", str(member or self.member + len(self.driver.window_handles))
        )
        self.driver.switch_to.new_window("window")
        other = Page(self.driver, self.url)
        self.driver.get(f"{self.url}#feedback")
        other.member = int(str(self.run("return localStorage.getItem('member')")))
        return other

    def focus(self) -> None:
        self.driver.switch_to.window(self.window)

    def close_other_windows(self) -> None:
        """Whatever a test has opened."""
        for window in self.driver.window_handles:
            if window != self.window:
                self.driver.switch_to.window(window)
                self.driver.close()
        self.focus()

    def hide(self) -> None:
        """Puts another tab in front."""
        self.in_front = self.driver.execute_cdp_cmd("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.wait("another tab in front", lambda: self.run("return document.hidden"))

    def show(self) -> None:
        self.driver.execute_cdp_cmd("Target.closeTarget", {"targetId": self.in_front})
        self.wait("the tab in front", lambda: not self.run("return document.hidden"))

    def go_offline(self) -> None:
        self.driver.set_network_conditions(offline=True, latency=0, throughput=-1)

    def go_online(self) -> None:
        self.driver.delete_network_conditions()

    def reload(self) -> None:
        self.driver.refresh()
        self.wait_until_connected()

    def wait_until_connected(self) -> None:
        self.wait("the connection", lambda: self.text("#connection") == "연결됨")

    # What is on the screen.

    def run(self, script: str, *arguments: object) -> object:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def is_shown(self, selector: str) -> bool:
        return bool(
            self.run(
                "const e = document.querySelector(arguments[0]); return Boolean(e?.checkVisibility({ visibilityProperty: true }))",
                selector,
            )
        )

    def text(self, selector: str) -> str:
        """Its text as it is in the document, '' when it is not there; in one step, since the page may redraw between two."""
        return str(self.run("return document.querySelector(arguments[0])?.textContent.trim() ?? ''", selector))

    def value(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).value", selector))

    def events(self, kind: str) -> list[str]:
        """The ids of the requests that the panel shows records of this kind for, the newest first."""
        script = "return [...document.querySelectorAll(arguments[0])].map((item) => item.dataset.request)"
        return list(self.run(script, f"#event-list > [data-kind='{kind}']"))

    def overflow(self) -> int:
        """By how many pixels something is wider than the screen."""
        return int(
            self.run("const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth - clientWidth")
        )

    def wait(self, what: str, condition: Callable[[], T]) -> T:
        try:
            return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1).until(lambda _: condition())
        except Exception as error:
            raise AssertionError(f"{what} did not come; the page says: {self.text('main')[:600]}") from error

    def wait_shown(self, selector: str) -> None:
        self.wait(selector, lambda: self.is_shown(selector))

    # What a member does.

    def click(self, selector: str) -> None:
        self.wait_shown(selector)
        self.all(selector)[0].click()

    def click_text(self, selector: str, text: str) -> None:
        """Clicks the one that says `text`."""
        self.wait(text, lambda: [element for element in self.all(selector) if element.text == text])[0].click()

    def double_click(self, selector: str) -> None:
        """Clicks twice before anything can come of the first click."""
        self.wait_shown(selector)
        self.run("arguments[0].click(); arguments[0].click()", self.all(selector)[0])

    def second_click(self, selector: str) -> None:
        """The second click of a double click alone: something came of the first before."""
        event = "new MouseEvent('click', { detail: 2, bubbles: true, cancelable: true })"
        self.run(f"arguments[0].dispatchEvent({event})", self.all(selector)[0])

    def write(self, selector: str, text: str) -> None:
        self.wait_shown(selector)
        field = self.all(selector)[0]
        field.clear()
        field.send_keys(text)

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def hold(self, modifier: str, key: str) -> None:
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def tab_to(self, element_id: str) -> None:
        """Presses Tab until the element has the focus."""
        for _ in range(40):
            self.press(Keys.TAB)
            if self.run("return document.activeElement.id") == element_id:
                return
        raise AssertionError(f"#{element_id} cannot be reached with Tab")

    def lose(self, what: str) -> None:
        """Loses the next POST on its way: the `request`, or the `reply`. Keeps the keys of all POSTs in `window.keys`."""
        self.run(
            """
            const { fetch } = window;
            let what = arguments[0];
            window.keys = [];
            window.fetch = async (path, options) => {
              const lost = what;
              what = null;
              keys.push(options.headers['Idempotency-Key']);
              if (lost === 'reply') await fetch(path, options);
              if (lost) throw new TypeError('the connection was lost');
              return fetch(path, options);
            };
            """,
            what,
        )

    def post(self, path: str, **content: object) -> None:
        """What another page of the same member sends."""
        body = {"memberId": self.member, **content}
        headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
        script = "fetch(arguments[0], { method: 'POST', headers: arguments[1], body: JSON.stringify(arguments[2]) })"
        status = self.run(f"return {script}.then((response) => response.status)", path, headers, body)
        assert status == 202, status

    def hear_progress(self, request: str, sequence: int, **said: object) -> None:
        """What the event stream would bring of a request's progress, at this very moment."""
        value = {"memberId": self.member, "requestId": request, "sequence": sequence, **said}
        record = {"topic": "RequestProgress", "partition": 0, "offset": sequence, "timestamp": 0, "value": value}
        record["headers"] = [["ce_causationid", request]]
        script = "listeners[arguments[0]](new MessageEvent(arguments[0], { data: JSON.stringify(arguments[1]) }))"
        self.run(script, "progress-record", record)

    def ask_for_feedback(self, answer: str) -> None:
        self.write("#feedback-answer", answer)
        self.click("#feedback-send")

    def begin_resume(self, email: str = "haneul@example.com") -> None:
        self.write("#email", email)
        self.write("#project_count", "3")
        self.click("#resume-send")
        self.wait_for_question(1)

    def wait_for_question(self, number: int) -> None:
        def is_there() -> bool:
            return self.is_shown("#answer-form") and self.text("#progress-text").startswith(f"질문 {number}/")

        self.wait(f"question {number}", is_there)

    def answer(self, text: str) -> None:
        self.write("#answer", text)
        self.click("#answer-send")

    def skip_to_the_end(self) -> None:
        """From the first question to the document."""
        for number in (1, 2, 3):
            self.wait_for_question(number)
            self.click("#answer-skip")
        self.wait_shown("#download")

    # What the tests' reader wants to know.

    def console_errors(self) -> list[str]:
        """What the browser complained about since the last call: faults of the script, of loading, of the security policy."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, path: Path) -> None:
        self.driver.save_screenshot(str(path))
