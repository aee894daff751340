"""The page of a review in a real browser, and a process that is killed in the middle of it."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from shop import shop_router

from router.evaluation import evaluate
from router.review.drafts import read_drafts
from router.review.label_file import read_label_file
from router.review.session import Review

NASTY = "<img src=x onerror=\"document.title='hacked'\"> where is my parcel </script>"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SERVE = """
import sys
sys.path.insert(0, sys.argv[2])
from shop import shop_router
from router.review.server import serve_review
from router.review.session import Review
serve_review(Review.open(sys.argv[1], shop_router()), 0, lambda a: print(a, flush=True))
"""


@pytest.fixture
def run(tmp_path):
    verbs = ("where is", "return", "open", "refund", "a joke about", "when comes", "track")
    things = ("my parcel", "the store", "shoes", "a jacket", "a bird", "the bill", "my hat")
    texts = [f"{verb} {thing} {when}" for verb in verbs for thing in things for when in "abcdefgh"]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(json.dumps({"text": text}) for text in [*[NASTY] * 30, *texts]))
    router = shop_router()
    evaluate(router, log, tmp_path / "run", cache=False)
    Review.open(tmp_path / "run", router, 220)
    return tmp_path / "run"


class Server:
    """A process that serves the page of a review."""

    def __init__(self, run):
        arguments = [sys.executable, "-c", SERVE, str(run), str(Path(__file__).parents[1])]
        root = str(Path(__file__).parents[2])
        environment = os.environ | {"PYTHONPATH": root}
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.address = self.process.stdout.readline().strip()

    def call(self, what, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + what, data, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.mark.skipif(os.name != "posix", reason="kills a process by a signal")
def test_twenty_kills_during_two_hundred_answers_lose_none_and_double_none(run):
    acknowledged, path = [], run / "review" / "answers.jsonl"
    for round_number in range(20):
        server = Server(run)
        try:
            card = server.call("state")["card"]
            for number in range(10):
                sent = {"position": card["position"], "label": card["likeliest"][0]["id"]}
                if number == 9:  # the process ends while this answer is under way
                    killer = subprocess.Popen(
                        [
                            sys.executable,
                            "-c",
                            "import os,signal,sys,time;time.sleep(float(sys.argv[2]));"
                            "os.kill(int(sys.argv[1]),signal.SIGKILL)",
                            str(server.process.pid),
                            str(round_number / 2_000),
                        ]
                    )
                    try:
                        while card is not None:
                            sent = {"position": card["position"], "label": "none"}
                            text, card = card["text"], server.call("answer", sent)["card"]
                            acknowledged.append(text)
                    except (OSError, ValueError, http.client.HTTPException):
                        pass  # the process ended before it could answer
                    finally:
                        killer.wait()
                else:
                    text, card = card["text"], server.call("answer", sent)["card"]
                    acknowledged.append(text)
                if card is None:
                    break
        finally:
            server.kill()
        if len(acknowledged) >= 200:
            break
    texts = [text for text, _ in read_label_file(path)]
    lines = path.read_text().splitlines()
    assert set(acknowledged) <= set(texts)
    assert len(lines) == len(texts) == len(set(texts))


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no browser")
def test_the_page_in_a_real_browser(run):
    sync_api = pytest.importorskip("playwright.sync_api")
    server = Server(run)
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            problems = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda m: m.type == "error" and problems.append(m.text))
            page.goto(server.address)
            page.wait_for_selector("#likeliest button")
            answer_all_ways(page)
            keep_a_drafted_question(page)
            look_at_the_nasty_one(page)
            page.set_viewport_size({"width": 360, "height": 740})
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360
            if folder := os.environ.get("ROUTER_SCREENSHOTS"):
                page.screenshot(path=f"{folder}/review-phone.png")
                page.set_viewport_size({"width": 1000, "height": 760})
                page.screenshot(path=f"{folder}/review.png")
            assert problems == []
            browser.close()
    finally:
        server.kill()
    kinds = [json.loads(line) for line in (run / "review/answers.jsonl").read_text().splitlines()]
    labels = [row.get("label") for row in kinds]
    assert ["returns", "order-status"] in labels
    assert {"action": "clarify", "question": "other"} in labels
    assert "Gift cards" in labels
    assert [row["kind"] for row in kinds].count("undo") == 1
    (draft,) = [one for one in read_drafts(run / "review").values() if one is not None]
    assert draft.text == "Is it coming, or going back?"
    assert {"action": "clarify", "question": draft.id} in labels


def done(page):
    return page.evaluate("state.progress.done")


def answered(page, count):
    for _ in range(500):  # waiting for a function would need what the page's policy forbids
        if page.evaluate("!busy") and done(page) == count:
            return
        page.wait_for_timeout(20)
    pytest.fail(f"{count} answers were expected, there are {done(page)}")


def answer_all_ways(page):
    """Answer with the keyboard alone; a screen reader hears names and keys apart."""
    none = page.get_by_role("button", name="None of ours", exact=True)
    assert none.get_attribute("aria-keyshortcuts") == "n"
    page.keyboard.press("1")
    answered(page, 1)
    page.keyboard.press("n")
    answered(page, 2)
    page.keyboard.press("u")
    answered(page, 1)
    page.keyboard.press("/")
    page.keyboard.type("return")
    page.keyboard.press("Enter")
    answered(page, 2)
    page.keyboard.press("s")
    page.get_by_role("button", name="Returns", exact=False).last.click()
    page.get_by_role("button", name="Order status", exact=False).last.click()
    page.keyboard.press("Escape")  # and several again, by keys
    page.keyboard.press("s")
    for name in ("returns", "order"):
        page.keyboard.press("/")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.locator("#search").fill("")
        page.locator("#query").focus()
    page.keyboard.press("Enter")
    answered(page, 3)
    page.keyboard.press("q")
    page.keyboard.press("Enter")
    answered(page, 4)
    page.keyboard.press("r")
    page.keyboard.type("Gift cards")
    page.keyboard.press("Enter")
    answered(page, 5)
    page.keyboard.press("k")
    answered(page, 6)


def keep_a_drafted_question(page):
    """Swap routes until a question is drafted; word it, keep it, and answer with it, by keys."""
    for _ in range(60):
        if page.evaluate("!!state.draft"):
            break
        before = done(page)
        page.keyboard.press("2")
        answered(page, before + 1)
    assert "would a question help" in page.locator("#draft").inner_text()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")  # it opens
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "drafttext"
    page.keyboard.press("Control+a")
    page.keyboard.type("Is it coming, or going back?")
    if folder := os.environ.get("ROUTER_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/review-draft.png")
    before = done(page)
    page.keyboard.press("Enter")
    for _ in range(100):
        if page.evaluate("!busy && targets.some((one) => one.title.startsWith('Is it coming'))"):
            break
        page.wait_for_timeout(20)
    page.keyboard.press("q")
    page.keyboard.press("Enter")
    answered(page, before + 1)


def look_at_the_nasty_one(page):
    """Go on to the query that holds markup; it is shown as text."""
    for _ in range(220):
        if page.locator("#query").inner_text() == NASTY:
            break
        before = done(page)
        page.keyboard.press("2")
        answered(page, before + 1)
    assert page.locator("#query").inner_text() == NASTY
    assert "hacked" not in page.title()


def test_from_click_to_next_query(run):
    """The state that the next query needs is in memory; no answer waits for a model."""
    server = Server(run)
    try:
        card, times = server.call("state")["card"], []
        for _ in range(60):
            start = time.perf_counter()
            card = server.call("answer", {"position": card["position"], "label": "none"})["card"]
            times.append(time.perf_counter() - start)
        if file := os.environ.get("ROUTER_SCREENSHOTS"):
            figures = f"median {1e3 * sorted(times)[30]:.1f} ms, slowest {1e3 * max(times):.1f} ms"
            Path(file, "milliseconds.txt").write_text(figures)
        assert card is not None
    finally:
        server.kill()
