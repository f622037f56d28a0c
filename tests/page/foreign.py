"""A page of another origin that uses the gateway as the product's front end uses its server: with credentials, a header
of its own on the event stream, and an EventSource that begins anew after an error and never says what it had last.

Prints a line for each thing that held; ends with 1 when one did not.
"""

from __future__ import annotations

import argparse
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import browser

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Another origin</title>
<script>
const [gateway, member] = [%(gateway)r, %(member)d];
const headers = { Authorization: "Bearer of-the-page" };
window.events = [];
let stream = new AbortController();

// As event source polyfills do it: fetch, so that a header can be sent; on an error all begins anew.
async function listen() {
  stream = new AbortController();
  const { signal } = stream;
  const answer = await fetch(`${gateway}/api/v1/sse/subscribe?memberId=${member}`, { credentials: "include", headers, signal });
  document.title = `open ${answer.status}`;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the stream ended");
    const blocks = (buffer + value).split("\\n\\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split("\\n").filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join("\\n");
      if (field("event") && field("event") !== "ping") window.events.push([field("event"), JSON.parse(field("data"))]);
    }
  }
}

function connect() { listen().catch((error) => { document.title = `closed ${error}`; }); }
function disconnect() { stream.abort(); }

async function post(path, body, more = {}) {
  const type = { "Content-Type": "application/json" };
  const answer = await fetch(gateway + path, { method: "POST", credentials: "include", headers: { ...type, ...headers, ...more }, body: JSON.stringify(body) });
  return [answer.status, await answer.json()];
}
</script>
"""


def serve(page: str, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway", required=True, help="the gateway, which allows http://127.0.0.1:PORT")
    parser.add_argument("--port", type=int, required=True, help="where the page is served")
    parser.add_argument("--member", type=int, required=True, help="a member whom no other test has")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--chromedriver", default="/usr/bin/chromedriver")
    arguments = parser.parse_args()
    member = arguments.member
    serve(PAGE % {"gateway": arguments.gateway, "member": member}, arguments.port)
    driver = browser.start(arguments.chromium, arguments.chromedriver)
    driver.set_script_timeout(browser.PATIENCE)
    wait = browser.WebDriverWait(driver, browser.PATIENCE)

    def post(path: str, body: object, more: object = None) -> list:
        script = "const done = arguments[3]; post(arguments[0], arguments[1], arguments[2] ?? {}).then(done, (error) => done([0, String(error)]))"
        return driver.execute_async_script(script, path, body, more)

    def expect(events: list) -> None:
        """Waits for as many events, and compares: what came too often would come before the next."""
        wait.until(lambda _: len(driver.execute_script("return window.events")) >= len(events))
        found = driver.execute_script("return window.events")
        assert found == events, f"{found} instead of {events}"

    def feedback(problem: int) -> dict:
        return {
            "memberId": member,
            "problemId": problem,
            "question": "캐시란?",
            "answer": "가까이 두고 쓰는 사본입니다.",
        }

    try:
        driver.get(f"http://127.0.0.1:{arguments.port}/")
        driver.execute_script("connect()")
        wait.until(lambda _: driver.title == "open 200")
        print("proven: the stream opens, with a header and credentials")

        status, first = post("/api/v1/resume/agent/init", {"memberId": member, "inputs": {"email": "hong@example.kr"}})
        assert status == 200 and set(first) == {"memberId", "question"}, (status, first)
        told = [["advanced-resume-init", {"question": first["question"]}]]
        expect(told)
        print("proven: a reply can be read, and its event comes")

        status, refused = post("/api/v1/feedback/create", [])
        assert status == 400 and refused["code"] == "INVALID_REQUEST", (status, refused)
        print("proven: a refusal can be read, too")

        driver.execute_script("disconnect()")
        wait.until(lambda _: driver.title.startswith("closed"))
        status, made = post("/feedback/create", feedback(1))
        assert status == 200, (status, made)
        told.append(["problem-feedback", {"problemId": 1, "feedback": made["data"]["feedback"]}])
        driver.execute_script("connect()")
        expect(told)
        print("proven: what came between two streams is told without a last event id")

        driver.execute_script("disconnect(); connect()")
        wait.until(lambda _: driver.title == "open 200")
        status, made = post("/feedback/create", feedback(2))
        assert status == 200, (status, made)
        told.append(["problem-feedback", {"problemId": 2, "feedback": made["data"]["feedback"]}])
        expect(told)
        print("proven: nothing is told twice")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
