"""Report pages in a real Chromium: they show the numbers of their CSV, to everyone, and load nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from statistics import correlation, fmean
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from runs import Made, run_folder, write_steps

from bench import results
from bench.cli.report import source
from bench.report.html.page import SCRIPTS, rendered
from bench.report.summary import summarise
from bench.report.terminal import rate

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OLD = Path(__file__).parent / "data" / "schema-1"
KINDS = {"ratio", "slices", "percentiles", "waits", "cpu"}
SERIOUS = {"serious", "critical"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is missing; scripts/install-browser installs it")
        pytest.skip("chromium is missing; scripts/install-browser installs it")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        await found.close()


class Opened:
    """A page that has been opened, with what it said and asked for meanwhile."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.asked.append(request.url))

    async def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in await self.page.locator(selector).all_inner_texts()]

    async def evaluate(self, script: str) -> Any:
        return await self.page.evaluate(script)


Open = Callable[..., Any]


@pytest_asyncio.fixture(loop_scope="module")
async def opened(browser: Browser, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the page of run folders; at the end it must have said nothing and asked for nothing else."""
    contexts: list[BrowserContext] = []
    pages: list[tuple[Opened, str]] = []

    async def opening(*folders: Path, width: int = 1100, **options: Any) -> Opened:
        path = tmp_path / f"report{len(pages)}.html"
        path.write_text(rendered([source(folder) for folder in folders]), encoding="utf-8")
        context = await browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        found = Opened(await context.new_page())
        pages.append((found, path.as_uri()))
        await found.page.goto(path.as_uri())
        return found

    yield opening
    for found, url in pages:
        assert found.said == []
        assert [one for one in found.asked if not one.startswith("blob:")] == [url]
    for context in contexts:
        await context.close()


def many_faced(folder: Path, slices: int = 5) -> Path:
    """A run with everything: two scenarios, one swept, one with steps, an invalid and a skipped case."""
    swept = [
        Made(client=client, scenario="prefetch", point=f"prefetch={value}", fields={"prefetch": value},
             rate_per_s=rate)
        for value, rate in ((1, 100), (10, 900), (100, 1000))
        for client in ("aio-pika", "aioamqp")
    ]  # fmt: skip
    run_folder(
        folder,
        [
            Made(), Made(loop="uvloop", rate_per_s=1200), Made(client="aioamqp", rate_per_s=2000),
            Made(client="pika", changes={"status": "invalid", "reason": "7 lost of 500", "lost": 7}),
            Made(client="aiormq", version="", changes={"status": "skipped", "reason": "not installed"}),
            *swept,
        ],
        slices=slices,
    )  # fmt: skip
    write_steps(folder, (1, 2, 3))
    return folder


async def test_a_page_of_the_first_schema_has_every_chart_and_its_table(opened: Open) -> None:
    page = await opened(OLD)
    kinds = await page.evaluate("[...document.querySelectorAll('figure')].map(f => f.dataset.chart)")
    assert set(kinds) == KINDS
    drawn = await page.evaluate(
        "[...document.querySelectorAll('figure')].filter(f => f.querySelector('.drawing svg path, "
        ".drawing svg rect') && f.querySelectorAll('table tbody tr').length > 1).length"
    )
    assert drawn == len(KINDS)
    assert "delivered" in (await page.texts(".answer .first"))[0]


async def test_the_matrix_shows_the_rates_of_the_csv(opened: Open) -> None:
    page = await opened(OLD)
    cases = summarise(results.load(OLD).rows)
    shown = [re.sub(r"\s+", " ", text) for text in await page.texts(".heat td")]
    assert shown == [rate(case) for case in cases]


async def test_the_slices_chart_draws_every_row_of_slices_csv_where_it_belongs(opened: Open) -> None:
    page = await opened(OLD)
    rows = results.read_table(OLD / results.SLICES)
    dots = await page.evaluate(
        "[...document.querySelectorAll('[data-chart=slices] circle')]"
        ".map(dot => [dot.dataset.label, Number(dot.getAttribute('cy'))])"
    )
    for case in summarise(results.load(OLD).rows):
        name = f"{case.client} {case.client_version} on {case.loop}"
        heights = [height for label, height in dots if label == name]
        rates = [row["rate_per_s"] for row in rows if row["case"] == case.case]
        assert len(heights) == len(rates) > 0
        assert correlation(heights, rates) == pytest.approx(-1, abs=1e-6)
    assert len(dots) == len(rows)


async def test_the_bars_are_the_mean_cost_of_the_csv(opened: Open) -> None:
    page = await opened(OLD)
    labels = await page.evaluate(
        "[...document.querySelectorAll('[data-chart=cpu] rect[data-label]')].map(r => r.dataset.label)"
    )
    rows = results.load(OLD).rows
    for case in summarise(rows):
        own = [row for row in rows if row["case"] == case.case]
        for part, column in (("user", "client_cpu_user"), ("broker", "broker_cpu")):
            mean = fmean(row[f"{column}_us_per_message"] for row in own)
            name = f"{case.client} {case.client_version} on {case.loop}, {part}: "
            (found,) = [label for label in labels if label.startswith(name)]
            assert float(found.removeprefix(name).removesuffix(" us")) == pytest.approx(mean, rel=1e-3)


async def test_the_ratio_plot_says_what_its_table_says(opened: Open) -> None:
    page = await opened(OLD)
    labels = await page.evaluate(
        "[...document.querySelectorAll('[data-chart=ratio] circle')].map(r => r.dataset.label)"
    )
    table = await page.evaluate(
        "[...document.querySelectorAll('[data-chart=ratio] tbody tr')].map(r => r.cells[0].textContent.trim()"
        " + ': ' + r.cells[2].textContent.trim())"
    )
    assert labels == [f"headline: {line}" for line in table]
    assert len(labels) == 3


async def test_filters_hide_rows_and_marks_and_say_how_many_are_left(opened: Open, tmp_path: Path) -> None:
    page = await opened(many_faced(tmp_path / "run"))
    before = await page.page.locator("[data-chart=cpu] rect[data-label]").count()
    await page.page.get_by_role("checkbox", name="aioamqp").uncheck()
    assert await page.texts("#filtered") == ["7 of 11 cases"]
    assert await page.page.locator("[data-chart=cpu] rect[data-label]").count() < before
    assert await page.page.locator("tr[data-client=aioamqp]").count() > 10
    assert await page.page.locator("tr[data-client=aioamqp]:visible").count() == 0
    await page.page.locator("select[name=place]").select_option("s:headline")
    assert await page.texts("#filtered") == ["4 of 11 cases"]
    assert not await page.page.locator("[data-chart=sweep]").is_visible()
    await page.page.get_by_role("checkbox", name="uvloop").uncheck()
    await page.page.get_by_role("checkbox", name="asyncio").uncheck()
    assert await page.texts("#filtered") == ["0 of 11 cases"]
    assert "Nothing that is chosen has figures here." in await page.texts("[data-chart=cpu] .drawing")


async def test_the_shown_scenario_and_latency_can_be_chosen(opened: Open, tmp_path: Path) -> None:
    page = await opened(many_faced(tmp_path / "run"))
    figure = page.page.locator("[data-chart=slices]")
    await figure.locator("select[name=group]").select_option("prefetch=10")
    assert await figure.locator("circle").count() == 2 * 3 * 5
    old = await opened(OLD)
    before = await old.page.locator("[data-chart=percentiles] .drawing svg").inner_html()
    await old.page.locator("select[name=metric]").select_option("confirm")
    assert await old.page.locator("[data-chart=percentiles] .drawing svg").inner_html() != before


async def test_the_knee_of_a_sweep_is_ringed(opened: Open, tmp_path: Path) -> None:
    page = await opened(many_faced(tmp_path / "run"))
    rings = await page.evaluate(
        "[...document.querySelectorAll('[data-chart=sweep] circle[data-label^=knee]')].length"
    )
    marked = [text for text in await page.texts("[data-chart=sweep] tbody tr") if text.endswith("knee")]
    assert rings == len(marked)


async def test_the_steps_of_a_schedule_are_drawn_beside_what_was_due(opened: Open, tmp_path: Path) -> None:
    doubted = {"latency_valid": False, "latency_reason": "late"}
    folder = run_folder(tmp_path / "run", [Made(), Made(loop="uvloop", changes=doubted)])
    rows = write_steps(folder, (1, 2))
    page = await opened(folder)
    dots = await page.evaluate(
        "[...document.querySelectorAll('[data-chart=steps] circle')].map(dot => [dot.dataset.label,"
        " Number(dot.getAttribute('cy')), getComputedStyle(dot).fill === getComputedStyle(document.body)"
        ".backgroundColor])"
    )
    assert len(dots) == len(rows) == 18
    assert "aio-pika 10.2.1 on uvloop, 100-300:1s, round 2, 199.7 messages/s, 200 due" in {
        one[0] for one in dots
    }
    drawn = {label.split(" messages")[0].rpartition(" ")[2]: height for label, height, _ in dots}
    assert correlation([float(rate) for rate in drawn], list(drawn.values())) == pytest.approx(-1, abs=1e-4)
    assert sum(hollow for _, _, hollow in dots) == sum(not row["kept"] for row in rows)
    waits = await page.evaluate("document.querySelectorAll('[data-chart=stepwaits] circle').length")
    assert waits == 9  # those of the second case are in doubt
    await page.page.locator("[data-chart=steps] summary").click()
    shown = await page.evaluate(
        "[...document.querySelectorAll('[data-chart=steps] tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert len(shown) == len(rows)
    assert shown[2][1:] == ["300:1s", "1", "300", "250", "0.3", "3", "6", "no"]
    assert [line[5:8] for line in shown if "uvloop" in line[0]] == [["", "", ""]] * 9
    await page.page.get_by_role("checkbox", name="uvloop").uncheck()
    assert await page.page.locator("[data-chart=steps] circle").count() == 9


async def test_the_csv_can_be_downloaded_as_it_is_on_disk(opened: Open) -> None:
    page = await opened(OLD)
    for name in (results.TRIALS, results.SLICES):
        async with page.page.expect_download() as waiting:
            await page.page.get_by_role("button", name=f"Download {name}").click()
        path = await (await waiting.value).path()
        assert path.read_bytes().decode() == (OLD / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_page_has_no_serious_barrier_in_either_theme(
    opened: Open, tmp_path: Path, scheme: str
) -> None:
    page = await opened(many_faced(tmp_path / "run", slices=1), color_scheme=scheme)
    await page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = await Axe().run(page.page)
    serious = [one for one in found.response["violations"] if one["impact"] in SERIOUS]
    assert serious == [], json.dumps(serious, indent=1)[:3000]


async def test_the_theme_follows_the_system_until_it_is_chosen(opened: Open) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = await opened(OLD, color_scheme="light"), await opened(OLD, color_scheme="dark")
    white, black = await light.evaluate(paper), await dark.evaluate(paper)
    assert white != black
    await light.page.get_by_role("button", name="Dark theme").click()
    assert await light.evaluate(paper) == black
    await light.page.reload()
    assert await light.evaluate(paper) == black
    await light.page.get_by_role("button", name="Light theme").click()
    assert await light.evaluate(paper) == white
    light.asked.pop()


@pytest.mark.parametrize("width", [360, 1100])
async def test_nothing_is_wider_than_the_page(opened: Open, tmp_path: Path, width: int) -> None:
    for folder in (OLD, many_faced(tmp_path / "run"), hostile(tmp_path / "hostile")):
        page = await opened(folder, width=width)
        await page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        wide = await page.evaluate(
            "[...document.querySelectorAll('.drawing svg')].filter(s => s.getBoundingClientRect().right"
            f" > {width}).length"
        )
        assert wide == 0


BREAKING_OUT = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
LONG = "aio-pika @ file:///" + "x" * 300
RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 2"


def hostile(folder: Path) -> Path:
    bad = {"status": "invalid", "reason": f"it said {BREAKING_OUT}"}
    return run_folder(
        folder,
        [
            Made(client=BREAKING_OUT, loop="<b>loop</b>", scenario="--><!--", point="\"&quot;'{{ 7*7 }}"),
            Made(client=BREAKING_OUT, loop="uvloop", scenario="--><!--", point="\"&quot;'{{ 7*7 }}"),
            Made(client=LONG, version=""),
            Made(client=RIGHT_TO_LEFT, loop=RIGHT_TO_LEFT),
            Made(client="invalid", changes=bad),
        ],
        command=["mqbench", "run", BREAKING_OUT],
    )


async def test_hostile_names_are_shown_as_text(opened: Open, tmp_path: Path) -> None:
    page = await opened(hostile(tmp_path / "run"))
    assert await page.evaluate("window.hacked") is None
    assert await page.evaluate("document.scripts.length") == len(SCRIPTS) + 1
    assert await page.evaluate("document.querySelectorAll('img, b, [onerror]').length") == 0
    text = await page.evaluate("document.body.textContent")
    for name in (BREAKING_OUT, "<b>loop</b>", "{{ 7*7 }}", LONG, RIGHT_TO_LEFT, f"it said {BREAKING_OUT}"):
        assert name in text
    await page.page.get_by_role("checkbox", name=BREAKING_OUT).uncheck()
    assert await page.texts("#filtered") == ["3 of 5 cases"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([Made()], "with nothing to compare with"),
        ([Made(changes={"status": "invalid", "reason": "all lost", "lost": 500})], "no figure to trust"),
        ([Made(changes={"status": "skipped", "reason": "not here"})], "every case was skipped"),
        ([Made(has_latency=False), Made(loop="uvloop", has_latency=False)], "on uvloop"),
        ([Made(client=f"client{n}", loop=loop) for n in range(5) for loop in ("a", "b")], "delivered"),
    ],
    ids=["one case", "all invalid", "all skipped", "no latency", "panels"],
)
async def test_every_kind_of_run_makes_sense(
    opened: Open, tmp_path: Path, made: list[Made], said: str
) -> None:
    page = await opened(run_folder(tmp_path / "run", made, slices=3))
    assert said in " ".join(await page.texts(".answer"))
    empty = await page.evaluate(
        "[...document.querySelectorAll('.drawing')].filter(d => !d.firstChild).length"
    )
    assert empty == 0
    if not any(one.has_latency for one in made):
        assert "No latency was recorded" in " ".join(await page.texts("section"))


async def test_a_comparison_opens_with_its_verdict_and_draws_its_cells(opened: Open, tmp_path: Path) -> None:
    folder = run_folder(
        tmp_path / "run",
        [Made(version="9"), Made(client="aio-pika==10", version="10", rate_per_s=1500)],
        rounds=8,
        arms={"differ": "client", "base": "aio-pika", "candidate": "aio-pika==10", "pairs": [[1, 2]]},
    )
    page = await opened(folder)
    first = (await page.texts(".answer .first"))[0]
    assert re.match(r"aio-pika 10 is \d+\.\d\u00a0%\u00a0\[.*\] faster than 9 at headline on asyncio", first)
    labels = await page.evaluate(
        "[...document.querySelectorAll('[data-chart=ratio] circle')].map(r => r.dataset.label)"
    )
    assert len(labels) == 1
    assert (await page.texts("[data-chart=slices] .legend span")) == [
        "base: aio-pika 9",
        "candidate: aio-pika 10",
    ]


async def test_several_runs_stand_apart_on_one_page(opened: Open, tmp_path: Path) -> None:
    page = await opened(OLD, run_folder(tmp_path / "second", [Made()]))
    assert await page.texts("h1") == ["schema-1", "second"]
    assert "no comparison" in " ".join(await page.texts("nav"))
    await page.page.get_by_role("link", name="second").click()
    assert (await page.evaluate("location.hash")) == "#run-2"


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(opened: Open) -> None:
    page = await opened(OLD)
    reached = []
    for _ in range(40):
        await page.page.keyboard.press("Tab")
        reached.append(
            await page.evaluate(
                "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
    kinds = {kind for kind, _ in reached}
    assert {"A", "BUTTON", "INPUT", "SUMMARY", "SELECT"} <= kinds
    assert all(style != "none" for kind, style in reached if kind in ("BUTTON", "SUMMARY", "INPUT"))
    details = page.page.locator("details").first
    await details.locator("summary").focus()
    await page.page.keyboard.press("Enter")
    assert await details.evaluate("one => one.open")


async def test_on_paper_it_is_light_and_leaves_the_controls_out(opened: Open) -> None:
    page = await opened(OLD, color_scheme="dark")
    await page.page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await page.page.get_by_text("clock source").is_visible()
    assert await page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 29, 33)"
    for selector in ("#filters", "#theme", ".downloads"):
        assert not await page.page.locator(selector).first.is_visible()
    assert await page.page.locator(".drawing svg").first.is_visible()


async def test_two_hundred_trials_are_one_page_of_usual_size(opened: Open, tmp_path: Path) -> None:
    cases = [Made(client=f"client{n % 8}", loop=f"loop{n // 8}", rate_per_s=1000 + n) for n in range(20)]
    folder = run_folder(tmp_path / "run", cases, rounds=8, slices=22)
    rows = results.read_table(folder / results.SLICES)
    assert len(rows) >= 4000
    began_s = time.perf_counter()
    text = rendered([source(folder)])
    rendered_s = time.perf_counter() - began_s
    assert len(text.encode()) < 2_000_000
    page = await opened(folder)
    opened_s = await page.evaluate("performance.getEntriesByType('navigation')[0].duration / 1000")
    print(f"a page of {len(rows)} slices: made in {rendered_s:.2f} s, opened in {opened_s:.2f} s")
    assert await page.page.locator("[data-chart=slices] circle").count() == len(rows)
