"""The gateway's page where a login says who a member is: it is used as ever, and says in words that somebody has to log
in, or has chosen another member's number.

Prints a line for each thing that held; ends with 1 when one did not.
"""

from __future__ import annotations

import argparse

from selenium.webdriver.common.keys import Keys

from browser import ANSWER, FEEDBACK, Page, start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the gateway, whose login takes a cookie SESSION=7 for member 7")
    parser.add_argument("--member", type=int, required=True, help="a member whom no other test has")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--chromedriver", default="/usr/bin/chromedriver")
    arguments = parser.parse_args()
    driver = start(arguments.chromium, arguments.chromedriver)
    try:
        driver.get(arguments.url)
        assert "로그인이 필요합니다" in driver.page_source, driver.page_source
        print("proven: without a login there is no page, and words that say so")

        driver.get(f"{arguments.url}health-check")
        driver.add_cookie({"name": "SESSION", "value": str(arguments.member)})
        page = Page(driver, arguments.url)
        page.member = arguments.member
        page.open()
        page.ask_for_feedback(ANSWER)
        page.wait_shown(FEEDBACK)
        print("proven: the page is used as ever")

        page.write("#member-id", str(arguments.member + 1))
        page.press(Keys.TAB)
        page.wait("why", lambda: "로그인한 회원의 번호가 아닙니다" in page.text("#connection"))
        page.write("#member-id", str(arguments.member))
        page.press(Keys.TAB)
        page.wait_until_connected()
        page.wait_shown(FEEDBACK)
        print("proven: another member's number is refused in words, and one's own is as it was")

        driver.delete_all_cookies()
        page.ask_for_feedback(ANSWER)
        page.wait("why", lambda: "로그인이 필요합니다" in page.text("#feedback-problem"))
        page.go_offline()
        page.go_online()
        page.wait("why", lambda: "로그인이 필요합니다" in page.text("#connection"))
        print("proven: whoever is logged out is told to log in, where it sends and where it listens")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
