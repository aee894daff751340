import json

import pytest
from shop import shop_router
from starlette.testclient import TestClient

from router import DecisionLog, LogError, RouterError
from router.evaluation import evaluate
from router.review import Choice, Selection, choose, estimate, select
from router.review.answers import Answer, AnswerFile
from router.review.drafts import draft_for_swaps
from router.review.estimate import clopper_pearson
from router.review.label_file import read_label_file, write_pairs
from router.review.server import review_app
from router.review.session import Review
from router.review.terminal import review_in_terminal

TEXTS = [
    f"{verb} {thing} {when}"
    for verb in ("where is", "return", "open", "refund", "joke about")
    for thing in ("my parcel", "the store", "shoes", "a jacket", "a bird")
    for when in ("today", "please", "on sunday", "for money")
]
NASTY = "<script>alert('x')</script> & \"quoted\" where is my parcel"


@pytest.fixture(scope="module")
def router():
    return shop_router()


@pytest.fixture
def review(tmp_path, router):
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(json.dumps({"text": text}) for text in [NASTY, *TEXTS]))
    evaluate(router, log, tmp_path / "run", cache=False)
    return Review.open(tmp_path / "run", router, 40)


def test_no_text_is_chosen_twice_and_n_are_given(router):
    chosen = select([*TEXTS, *TEXTS], 40, router)
    assert len(chosen) == len({TEXTS[position % len(TEXTS)] for position in chosen}) == 40
    assert select(TEXTS[:5], 40, router).__len__() == 5
    assert select(TEXTS, 40, router) == select(TEXTS, 40, router)


def test_one_in_eight_is_drawn_and_the_draw_does_not_decide_the_others(router):
    selection = choose(TEXTS, 40, router)
    assert len(selection.drawn) == 5
    assert {choice.reason for choice in selection.choices} >= {"uncertain", "drawn"}
    assert set(selection.drawn) <= {choice.text for choice in selection.choices}


def test_a_frequent_text_is_worth_more(router):
    text = TEXTS[7]
    first = choose([*TEXTS, *[text] * 50], 10, router).choices
    counted = {choice.text: choice.count for choice in first}
    assert counted.get(text) == 51


def test_n_is_a_whole_number(router):
    with pytest.raises(RouterError, match="from 1, was: 0"):
        select(TEXTS, 0, router)
    with pytest.raises(RouterError, match="this one has none"):
        select(["", " "], 3, router)


def choice(text, reason, count=1):
    outcome = {"action": "none"}
    return Choice(text, 0, count, reason, outcome, 0.5, 0.5)


def test_the_estimate_by_hand():
    chosen = [choice("a", "uncertain", 10), choice("b", "uncertain", 10)]
    drawn = [choice(text, "drawn") for text in "cdef"]
    selection = Selection((*chosen, *drawn), ("c", "d", "e", "f"), 100)
    answered = {"a": False, "b": True, "c": True, "d": True, "e": True, "f": False}
    figures = estimate(selection, answered)
    # 20 lines are chosen; of the other 80 a quarter is wrong: 20, of which "f" is known
    assert figures.n_rest == 76
    assert figures.rest_wrong.value == pytest.approx(19 / 76)
    assert figures.right.value == pytest.approx((10 + 3 + 57) / 100)
    low, high = clopper_pearson(1, 4)
    assert figures.rest_wrong.low == pytest.approx(max(0, 80 * low - 1) / 76)
    assert figures.rest_wrong.high == pytest.approx(min(76, 80 * high - 1) / 76)


def test_a_drawn_text_that_was_chosen_too_is_no_part_of_the_rest():
    selection = Selection((choice("a", "uncertain"), choice("b", "drawn")), ("a", "b"), 10)
    assert estimate(selection, {"a": False, "b": True}).rest_wrong.n == 1
    assert estimate(selection, {"a": False}).rest_wrong.value is None


def test_clopper_pearson_by_the_book():
    assert clopper_pearson(0, 10) == (0.0, pytest.approx(0.3085, abs=1e-4))
    assert clopper_pearson(10, 10)[1] == 1.0


def test_an_answer_that_was_cut_off_is_shown_again(tmp_path):
    path = tmp_path / "answers.jsonl"
    answers = AnswerFile(path)
    answers.append(Answer("a", "label", "returns"))
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        again = AnswerFile(path)
        assert list(again.by_text) == ["a"]
        again.append(Answer("b", "label", "none"))
        assert list(AnswerFile(path).by_text) == ["a", "b"]
    path.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(LogError, match=r"jsonl:1: no answer"):
        AnswerFile(path)


def test_a_review_goes_on_where_it_stopped(review, router, tmp_path):
    first = review.next_card()
    review.answer(first.position, "order-status")
    review.answer(first.position, "order-status")  # sent twice
    review.skip(review.next_card().position)
    again = Review.open(tmp_path / "run", router)
    assert again.progress()["done"] == 2
    assert len(again.answers.path.read_text().splitlines()) == 2
    assert again.undo() is not None
    assert again.progress()["done"] == 1
    assert read_label_file(again.answers.path) == [(first.text, "order-status")]


def test_the_review_of_another_log_is_not_mixed_in(review, router, tmp_path):
    (tmp_path / "log.jsonl").write_text('{"text": "another log"}')
    evaluate(router, tmp_path / "log.jsonl", tmp_path / "run", cache=False)
    with pytest.raises(LogError, match="review of another log"):
        Review.open(tmp_path / "run", router)


def test_a_service_log_is_reviewed(tmp_path, router):
    log = DecisionLog(tmp_path / "live.jsonl")
    for text in TEXTS[:20]:
        log.append(text, router.route(text))
    review = Review.open(log.path, router, 10)
    review.answer(review.next_card().position, "returns")
    log.append("one more", router.route("one more"))
    assert Review.open(log.path, router).progress()["done"] == 1
    assert review.folder == tmp_path / "live-review"


def test_what_the_pack_lacks_is_a_new_route_only_if_it_is_meant(review):
    position = review.next_card().position
    with pytest.raises(RouterError, match="answer with a new route"):
        review.answer(position, "Gift cards")
    review.answer(position, "Gift cards", new_route=True)
    assert review.new_routes == ("Gift cards",)


def client_of(review, **headers):
    app = review_app(review, "secret", 8_000)
    headers = {"host": "127.0.0.1:8000"} | headers
    return TestClient(app, base_url="http://127.0.0.1:8000", headers=headers)


def test_the_page_is_for_its_own_origin_alone(review):
    assert client_of(review).get("/secret/state").status_code == 200
    assert client_of(review).get("/guess/state").status_code == 404
    for wrong in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "evil.example:8000"},
        {"sec-fetch-site": "cross-site"},
    ):
        client = client_of(review, **wrong)
        assert client.get("/secret/").status_code == 403
        assert client.post("/secret/undo", json={}).status_code == 403
    form = {"content-type": "text/plain"}
    assert client_of(review).post("/secret/undo", content="{}", headers=form).status_code == 415


def test_an_answer_gives_the_next_query(review):
    client = client_of(review)
    page = client.get("/secret/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>alert" not in page.text
    before = client.get("/secret/state").json()
    card = before["card"]
    sent = {"position": card["position"], "label": card["likeliest"][0]["id"]}
    after = client.post("/secret/answer", json=sent).json()
    assert after["card"]["position"] != card["position"]
    assert after["progress"]["done"] == 1
    wrong = client.post("/secret/answer", json={"position": 10_000, "label": "none"})
    assert "from 0 to 39" in wrong.json()["error"]
    assert "error" in client.post("/secret/answer", json={"position": 1, "label": None}).json()
    assert client.post("/secret/undo", json={}).json()["card"]["position"] == card["position"]


def test_the_terminal_does_the_same(review):
    lines = iter(["1", "/order", "n", "returns, order-status", "+Gift cards", "? ", "k", "x", "q"])
    said = []
    review_in_terminal(review, lambda prompt: next(lines), said.append)
    given = [answer.kind for answer in review.answers.by_text.values()]
    assert given == ["label"] * 5 + ["skip"]
    assert any("order-status: Order status" in line for line in said)


def test_the_terminal_keeps_a_drafted_question(review, monkeypatch):
    draft = draft_for_swaps(review.pack, {("order-status", "returns"): 3}, ())
    monkeypatch.setattr(Review, "draft", lambda self: None if self.drafts else draft)
    lines, said = iter(["y Coming, or going back?", f"? {draft.id}", "q"]), []
    review_in_terminal(review, lambda prompt: next(lines), said.append)
    assert any(f"would a question help? {draft.text}" in line for line in said)
    assert review.drafts[draft.pair].text == "Coming, or going back?"
    (answer,) = review.answers.by_text.values()
    assert answer.label == {"action": "clarify", "question": draft.id}


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl"])
def test_labels_come_back_from_elsewhere(review, tmp_path, name):
    path = tmp_path / name
    pairs = [
        (text, "none" if index % 2 else None) for index, (text, _) in enumerate(review.pairs())
    ]
    write_pairs(path, pairs)
    assert review.add(read_label_file(path)) == 20
    assert review.add(read_label_file(path)) == 0
    assert review.progress()["done"] == 20


def test_a_question_is_drafted_for_routes_that_are_swapped(router):
    pair = ("order-status", "returns")
    assert draft_for_swaps(router.pack, {pair: 2}, ()) is None
    draft = draft_for_swaps(router.pack, {pair: 3}, ())
    assert set(draft.options) == set(pair)
    assert "parcel" in draft.options["order-status"]
    assert draft_for_swaps(router.pack, {pair: 3}, {draft.pair}) is None


def test_a_draft_is_kept_or_dropped_by_the_person(review):
    wanted = 0
    for position, choice in enumerate(review.choices):
        if choice.outcome.skills == ("order-status",) and wanted < 3:
            review.answer(position, "returns")
            wanted += 1
    if wanted < 3:
        pytest.skip("the log has too few queries for one route")
    client = client_of(review)
    draft = client.get("/secret/state").json()["draft"]
    assert draft["n_swaps"] == 3
    edited = draft | {"text": "Is it on its way to you, or back to us?"}
    sent = {"pair": draft["pair"], "draft": edited}
    unasked = edited | {"options": {**draft["options"], "returns": ""}}
    refused = client.post("/secret/draft", json={"pair": draft["pair"], "draft": unasked})
    assert "have a text each" in refused.json()["error"]
    given = client.post("/secret/draft", json=sent).json()
    assert given["draft"] is None
    assert {"id": draft["id"], "title": edited["text"], "kind": "question"} in given["targets"]
    label = {"action": "clarify", "question": draft["id"]}
    asked = client.post(
        "/secret/answer", json={"position": given["card"]["position"], "label": label}
    )
    assert asked.status_code == 200
    kept = json.loads((review.folder / "questions.json").read_text())
    assert kept[draft["pair"]]["text"] == edited["text"]
