"""The report, in a browser: read, filtered, clicked, and with a hostile log."""

import csv
import json
import re
from shutil import which

import pytest
from msgspec.structs import replace

from router.errors import LogError
from router.evaluation.decisions_file import RunFolder
from router.evaluation.figures import Cell, Confusion
from router.evaluation.gaps import Gaps
from router.evaluation.pack_health import PackHealth
from router.evaluation.run import evaluate
from router.report import charts, write_report
from router.report.nearest_exemplars import nearest_exemplars
from router.report.wording import first_steps

try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    sync_playwright = None

CHROMIUM = which("chromium") or which("chromium-browser")
HOSTILE = [
    "</script><script>window.hacked = 1</script> my brakes squeal",
    '"><img src=x onerror="window.hacked=1"> flat tyre',
    "{{ 7 * 7 }} bread & butter <b>bold</b>",
    "null \x00 byte and \u2028 line separator in my tyre",
    "brakes " * 40_000,
]


def write_log(path, labelled):
    lines = {
        "fix-brakes": ["the brakes squeal", "worn pads", "brake lever is soft", "stop the squeal"],
        "fix-tyres": ["flat tyre", "patch a tube", "the tyre loses air", "tyre pressure please"],
        "sell-bikes": ["buy a new bike", "price of an e-bike", "a bike for my son"],
        "bus-lines": ["next bus to town", "night bus"],
        "none": ["bake bread", "who won the match", "how long do I boil eggs", "prune roses"],
    }
    rows = [(text, label) for label, texts in lines.items() for text in texts]
    rows += [("the brakes squeal", "fix-tyres")] * 2  # labelled wrong: it can't be accepted
    rows += [(text, "sell-bikes") for text in HOSTILE]
    with path.open("w", encoding="utf-8") as file:
        for i, (text, label) in enumerate(rows):
            row = {"text": text, "time": f"2026-09-{1 + i % 9:02d}T10:00:00Z"}
            file.write(json.dumps(row | ({"label": label} if labelled else {})) + "\n")
    return path


@pytest.fixture(scope="module")
def labelled(tiny_router, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    evaluate(tiny_router, write_log(folder / "log.jsonl", labelled=True), folder / "run")
    return write_report(folder / "run", tiny_router)


@pytest.fixture(scope="module")
def unlabelled(tiny_router, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unlabelled")
    log = write_log(folder / "log.jsonl", labelled=False)
    evaluate(tiny_router, log, folder / "run", format="parquet")
    return write_report(folder / "run", tiny_router)


@pytest.fixture(scope="module")
def browser():
    if sync_playwright is None:
        pytest.skip("the package playwright is missing")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser):
    """Open a report; whatever the console says, or is fetched, fails the test at its end."""
    pages, said = [], []

    def visit(path, width=1280, scheme="light"):
        size = {"width": width, "height": 900}
        # Smooth scrolling would move what a test points at.
        page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: fetched(request.url))
        page.goto(path.as_uri())
        for plot in page.locator("[data-plot]").all():
            expect(plot.locator(".main-svg").first).to_be_attached()
        pages.append(page)
        return page

    def fetched(url):
        if not url.startswith(("file:", "data:", "blob:")):
            said.append(f"fetched {url}")

    yield visit
    hacked = [page.evaluate("window.hacked") for page in pages]
    for page in pages:
        page.close()
    assert said == []
    assert hacked == [None] * len(pages)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen_and_says_no_error(opened, labelled, width, scheme):
    page = opened(labelled, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    expect(page.locator(".figures > div")).to_have_count(5)
    assert page.locator("h1").bounding_box()["y"] < 200
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    expected = charts.PALETTES[scheme]["paper"].lstrip("#")
    red, green, blue = (int(expected[i : i + 2], 16) for i in (0, 2, 4))
    assert paper == f"rgb({red}, {green}, {blue})"


def test_a_cell_of_the_matrix_shows_its_queries(opened, labelled):
    page = opened(labelled)
    page.click('.matrix button[data-wanted="skill:fix-tyres"][data-given="skill:fix-brakes"]')
    expect(page.locator('.matrix button[aria-pressed="true"]')).to_have_count(1)
    rows = page.locator("#table tbody tr")
    expect(rows.locator(".text")).to_have_text(["the brakes squeal"])
    expect(rows.first).to_contain_text("2 times")
    expect(page.locator("#queries-title")).to_be_focused()
    page.click("text=Closest exemplars")
    told = rows.first.locator("details")
    expect(told).to_contain_text("Closest of what was wanted: fix-tyres", use_inner_text=True)
    expect(told).to_contain_text("Closest of what was decided: fix-brakes", use_inner_text=True)


def test_a_cell_can_be_chosen_by_keyboard(opened, labelled):
    page = opened(labelled)
    page.focus('.matrix button[data-wanted="none"][data-given="none"]')
    expect(page.locator("#readout")).to_have_text(re.compile("decided none of these$"))
    page.keyboard.press("Enter")
    expect(page.locator('.matrix button[aria-pressed="true"]')).to_have_count(1)
    expect(page.locator("#table .text", has_text="bake bread")).to_have_count(1)


def test_the_table_is_searched_and_filtered(opened, labelled):
    page = opened(labelled)
    page.get_by_label("Outcome", exact=True).select_option("")
    page.get_by_label("Search", exact=True).fill("TYRE flat")
    texts = page.locator("#table .text")
    expect(texts.filter(has_text=re.compile("^flat tyre$"))).to_have_count(1)
    expect(texts.filter(has_not_text="flat")).to_have_count(0)
    page.get_by_label("Search", exact=True).fill("no such words at all")
    expect(page.locator("#count")).to_have_text("No query matches these filters.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#table tbody tr").first).to_be_visible()
    expect(page.get_by_label("Search", exact=True)).to_have_value("")


def test_what_a_user_wrote_stays_text(opened, labelled):
    page = opened(labelled)
    page.get_by_label("Outcome", exact=True).select_option("")
    page.get_by_label("Search", exact=True).fill("<script>window")
    expect(page.locator("#table .text")).to_have_text([HOSTILE[0]])
    expect(page.locator("img")).to_have_count(0)
    page.get_by_label("Search", exact=True).fill("bread & butter")
    expect(page.locator("#table .text")).to_have_text([HOSTILE[2]])
    page.locator("#plot-map .points path").first.hover(force=True)
    expect(page.locator("#plot-map .hoverlayer .hovertext").first).to_be_attached()
    expect(page.locator("b", has_text="bold")).to_have_count(0)


def test_a_log_without_labels(opened, unlabelled):
    page = opened(unlabelled)
    expect(page.locator("h1")).to_have_text(
        re.compile(r"^This pack has a route for \d+% of the log\.$")
    )
    expect(page.locator("#matrix")).to_have_count(0)
    expect(page.locator(".seasons")).to_be_visible()
    expect(page.locator(".figures > div")).to_have_count(5)
    page.get_by_label("Outcome", exact=True).select_option("none")
    given = page.locator('#table td[data-title="Decided"]')
    expect(given.first).to_be_visible()
    expect(given.filter(has_not_text="none of these")).to_have_count(0)


def test_the_numbers_of_a_plot_can_be_read(opened, labelled):
    page = opened(labelled)
    page.locator("[data-numbers=shares] summary").click()
    body = page.locator("[data-numbers=shares]")
    # The browser tells of the opening in a later task, and only then are the numbers laid out.
    expect(body).to_contain_text("2026-09-01", use_inner_text=True)
    expect(body).to_contain_text("Routed", use_inner_text=True)


LUMINANCE = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const pixel = canvas.getImageData(0, 0, 1, 1).data;
    const [red, green, blue] = [...pixel].map((one) => linear(one / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  return [...document.querySelectorAll(".matrix button, .seasons td span")].map((cell) => {
    cell.style.setProperty("--shade", 1);
    const style = getComputedStyle(cell);
    const both = [luminance(style.color), luminance(style.backgroundColor)];
    const [dim, bright] = both.sort((a, b) => a - b);
    return (bright + 0.05) / (dim + 0.05);
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_are_legible_in_the_darkest_cells(opened, labelled, scheme):
    contrasts = opened(labelled, scheme=scheme).evaluate(LUMINANCE)
    assert min(contrasts) >= 4.5  # WCAG AA


def test_the_closest_exemplars_of_all_are_opened_at_once(opened, labelled):
    page = opened(labelled)
    told = page.locator("#table details")
    expect(told.first).not_to_have_attribute("open", "")
    page.get_by_label("Show the closest exemplars").check()
    expect(page.locator("#table details[open]")).to_have_count(told.count())


def test_skills_over_time_by_hand(opened, labelled):
    page = opened(labelled)
    metrics = RunFolder.open(labelled.parent).metrics
    first = metrics.days["2026-09-01"]
    row = page.locator(".seasons tbody tr", has_text="fix-brakes")
    share = round(100 * first.skills["fix-brakes"] / first.lines)
    expect(row.locator("td").first).to_have_text(str(share))
    expect(page.locator(".seasons thead th")).to_have_count(1 + len(metrics.days))


@pytest.fixture(scope="module")
def right(tiny_router, tmp_path_factory):
    folder = tmp_path_factory.mktemp("right")
    log = folder / "log.jsonl"
    lines = [("replace worn brake pads", "fix-brakes"), ("night bus timetable", "bus-lines")]
    log.write_text("".join(json.dumps({"text": a, "label": b}) + "\n" for a, b in lines))
    evaluation = evaluate(tiny_router, log, folder / "run")
    assert evaluation.figures["accepted"].value == 1.0
    return write_report(folder / "run", tiny_router)


def test_a_log_of_two_lines_is_not_judged_and_not_plotted(opened, right):
    page = opened(right)
    expect(page.locator("h1")).to_have_text("2 labelled queries are too few for a verdict.")
    expect(page.locator("[data-plot]")).to_have_count(0)
    expect(page.locator("#sure")).to_contain_text("at least 10 labelled decisions")
    expect(page.locator(".figures .bad")).to_have_count(0)  # nothing went wrong


def test_without_a_mistake_the_table_begins_with_all_queries(opened, right):
    page = opened(right)
    expect(page.locator("#table tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#table tbody tr")).to_have_count(2)


def test_the_axis_of_shares_ends_at_all(right):
    metrics = RunFolder.open(right.parent).metrics
    assert charts.ask_rate(metrics).layout["yaxis"]["range"] == [0.95, 1.01]
    assert charts.risk_coverage(metrics).layout["yaxis"]["range"] == [0, 0.05]


def test_the_first_step_says_what_went_where(labelled):
    metrics = RunFolder.open(labelled.parent).metrics
    nothing = Gaps((), n_lines=0, n_unfit=0, n_texts=0)
    health = PackHealth(n_exemplars=0, targets=(), strays=(), pairs=())

    def step(wanted, given):
        cell = Cell(wanted=wanted, given=given, count=3, accepted=0)
        told = replace(metrics, confusion=Confusion(labels=(), cells=(cell,)))
        return first_steps(told, nothing, health)[0].text

    assert step("skill:fix-tyres", "ask") == (
        "Look at the queries for fix-tyres that were answered by a question"
    )
    assert step("none", "skill:fix-tyres") == (
        "Look at the unrelated queries that went to fix-tyres"
    )
    assert step("ask", "none") == "Look at the queries lacking a detail that were refused"


def test_it_prints_in_light_colours(opened, labelled):
    page = opened(labelled, scheme="dark")
    page.emulate_media(media="print")
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    expect(page.locator("#filters")).to_be_hidden()


def test_every_control_has_a_name(opened, labelled):
    page = opened(labelled)
    nameless = page.evaluate(
        """[...document.querySelectorAll("input, select, button, [role=img], [tabindex='0']")]
        .filter((one) => !one.labels?.length && !one.getAttribute("aria-label")
          && !one.textContent.trim()).map((one) => one.outerHTML.slice(0, 99))"""
    )
    assert nameless == []


def test_it_is_one_small_file_without_the_network(labelled):
    html = labelled.read_text(encoding="utf-8")
    assert len(html.encode()) < 6_000_000
    page = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "default-src 'none'" in page


def test_a_report_needs_the_pack_of_its_run(labelled, router):
    with pytest.raises(LogError, match="the run was made with the pack bike-shop"):
        write_report(labelled.parent, router)


def test_a_folder_that_is_no_run_is_named(tmp_path, tiny_router):
    with pytest.raises(LogError, match="a run folder holds decisions.jsonl or decisions.parquet"):
        write_report(tmp_path, tiny_router)


def test_both_forms_of_a_run_hold_the_same(tiny_router, tmp_path):
    log = write_log(tmp_path / "log.jsonl", labelled=True)
    for form in ("jsonl", "parquet"):
        evaluate(tiny_router, log, tmp_path / form, format=form)
    one, other = (
        list(RunFolder.open(tmp_path / form).decisions()) for form in ("jsonl", "parquet")
    )
    assert [row.decision for row in one] == [row.decision for row in other]
    assert [(row.text, row.gold, row.accepted) for row in one] == [
        (row.text, row.gold, row.accepted) for row in other
    ]
    assert [row.time for row in one] == [row.time for row in other]


def test_the_closest_exemplar_is_of_the_target_asked_for(tiny_router):
    vectors = tiny_router.encoder.encode(["flat tyre again this morning"] * 3)
    sought = [frozenset(("skill:fix-tyres",)), frozenset(("question:",)), frozenset(("skill:no",))]
    same, asked, nothing = nearest_exemplars(tiny_router, vectors, sought)
    assert (same.text, same.similarity) == ("flat tyre again this morning", 1.0)
    assert asked.target.startswith("question:")
    assert nothing is None


def test_plots_are_plotly_figures(labelled):
    go = pytest.importorskip("plotly.graph_objects")
    metrics = RunFolder.open(labelled.parent).metrics
    figure = charts.confusion(metrics).figure()
    assert isinstance(figure, go.Figure)
    assert sum(map(sum, figure.data[0].z)) == metrics.lines.labelled
    assert (
        charts.reliability(metrics).figure().data[1].marker.color
        == charts.PALETTES["light"]["accent"]
    )


def test_the_mistakes_alone_are_downloaded_without_formulas(opened, tiny_router, tmp_path):
    formulas = ["=1+1", " =1+1", "\t=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1+1"]
    rows = [{"text": f"{text} flat tyre", "label": "sell-bikes"} for text in formulas]
    rows += [{"text": "flat tyre"}, {"text": "patch a tube", "label": "fix-tyres"}]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    evaluate(tiny_router, log, tmp_path / "run")
    page = opened(write_report(tmp_path / "run", tiny_router), 390)
    shown = page.locator("#table tbody tr .text").all_text_contents()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the mistakes as CSV").click()
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert len(texts) == len(shown) == len(formulas)
    assert all(text.startswith("'") for text in texts)


def test_a_matrix_that_goes_on_to_the_right_fades_out_there(opened, labelled):
    page = opened(labelled, 260)
    matrix = page.get_by_role("region", name="Confusion matrix")
    assert matrix.evaluate("box => box.scrollWidth > box.clientWidth")
    expect(matrix).to_have_class("scroll more")
    matrix.evaluate("box => box.scrollTo(1000, 0)")
    expect(matrix).to_have_class("scroll")
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(matrix).to_have_class("scroll")
