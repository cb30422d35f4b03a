"""The HTML report in a real browser: light, dark, on a phone, in print, and checked by axe-core."""

from __future__ import annotations

import dataclasses
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page

from browsing import check_page, check_width, open_page, start_chromium
from darkmagic.checklist.metric import Direction, Metric
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.report.setup import Changed, ClassShare, Picture, Setup
from darkmagic.checklist.report.write import write_report
from records import HOSTILE, SMALL, report_of, simulated

SHOTS = os.environ.get("DARKMAGIC_SHOTS")
"""A folder to keep screenshots in, for a person to look at."""


GAINS = {"lr=cosine": 1.5, "mixup=on": -2.0, "stem=relu": 0.3}
DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+k"
    "cQAAAABJRU5ErkJggg=="
)
LOSS = Metric("validation cross-entropy", "nats", Direction.MIN, decimals=4)
PICTURES = (Picture("cat", DOT), Picture("dog", DOT))
SETUP = Setup(
    dataset="pets",
    model="resnet18",
    classes=2,
    train_images=8000,
    parameters=11_000_000,
    runs=15,
    seconds=900.0,
    settings={
        "baseline": {"lr": "0.1", "seed": "0", "tricks.lr.cycles": "2"},
        "lr=cosine": {"lr": "0.1", "seed": "1", "tricks.lr.final": "0.0"},
        "mixup=on": {"lr": "0.1", "seed": "0", "tricks.lr.cycles": "2", "tricks.mixup.alpha": "1"},
    },
    links={"lr=cosine": {0: "http://127.0.0.1:5000/#/experiments/1/runs/a"}},
    local=True,
    strip=PICTURES * 6,
    changed={
        "mixup=on": Changed(PICTURES, PICTURES, (50, 2), (ClassShare("cat", 900, 90.0, 87.5),))
    },
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium."""
    with start_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of a sweep that has better and worse tricks."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(write_report(report_of(simulated(SMALL, 3, GAINS), setup=SETUP), "html"))
    assert path.stat().st_size < 1_000_000
    return path


def _open(browser: Browser, file: Path, **options: Any) -> tuple[Page, list[str], list[str]]:
    return open_page(browser, file.as_uri(), **options)


def _shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def _names(page: Page) -> list[str]:
    """Return the rows of the table, each a body of the line with its figures and one with more."""
    return [row.get_attribute("data-row") or "" for row in page.query_selector_all("#rows tbody")]


BETWEEN = ("large", "tablet")
"""Views that differ from others by their width alone, which axe-core has nothing to say of."""
VIEWS = {
    "large": {"color_scheme": "light", "viewport": {"width": 1920, "height": 1080}},
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "tablet": {"color_scheme": "light", "viewport": {"width": 768, "height": 1024}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}


@pytest.mark.parametrize("view", VIEWS)
def test_report_page_has_no_errors_requests_or_axe_findings(
    browser: Browser, file: Path, view: str
) -> None:
    """In light and dark mode and from the width of a phone to a large screen, closed and opened."""
    page, errors, requests = _open(browser, file, **VIEWS[view])
    assert not errors
    assert [url for url in requests if not url.startswith("data:")] == [file.as_uri()]
    _shot(page, f"{view}-first")
    check_width(page)
    for summary in page.query_selector_all("details:not(.further) > summary"):
        if summary.is_visible():
            summary.click()
    page.get_by_role("button", name="mixup=on", exact=True).click()
    (check_width if view in BETWEEN else check_page)(page)
    _shot(page, view)
    page.context.close()


LONG_NAMES = (
    "x" * 90,
    "a-long-name-that-goes-on-with_values=and,more,of,them,and-more" * 2,
    HOSTILE,
)


@pytest.mark.parametrize("seeds", [1, 3])
def test_report_page_is_not_cut_at_the_side_by_long_names(
    browser: Browser, tmp_path: Path, seeds: int
) -> None:
    """Names of any length break, on a phone too, opened as well as closed."""
    tricks = tuple(Trick(name, "s", ("off", "on", "more")) for name in LONG_NAMES)
    long = Checklist("long", tricks)
    gains = {f"{name}={option}": 2.0 for name in LONG_NAMES for option in ("on", "more")}
    path = tmp_path / "report.html"
    path.write_text(write_report(report_of(simulated(long, seeds, gains), long), "html"))
    page, errors, _ = _open(browser, path, viewport={"width": 360, "height": 740})
    check_width(page)
    for summary in page.query_selector_all("details:not(.further) > summary"):
        if summary.is_visible():
            summary.click()
    page.locator("#rows button.name").nth(1).click()
    check_width(page)
    assert not errors
    page.context.close()


def test_report_page_sorts_rows_by_clicked_heading(browser: Browser, file: Path) -> None:
    """The first click sorts up and the second down, with rows that have no value last."""
    page, errors, _ = _open(browser, file)
    assert _names(page)[0] == "baseline"
    head = page.get_by_role("button", name="difference")
    head.click()
    rising = _names(page)
    assert rising[0] == "mixup=on"
    assert rising[-1] == "baseline"
    assert head.locator("..").get_attribute("aria-sort") == "ascending"
    head.click()
    falling = _names(page)
    assert falling[0] == "lr=cosine"
    assert falling[-1] == "baseline"
    page.get_by_role("button", name="trial").click()
    assert _names(page) == sorted(_names(page))
    assert not errors
    page.context.close()


def test_report_page_rows_expand_and_highlight_their_marks(browser: Browser, file: Path) -> None:
    """A row shows its command, and hovering a row or a mark highlights the other."""
    page, errors, _ = _open(browser, file)
    row = page.locator('tbody[data-row="lr=cosine"]')
    name = row.get_by_role("button", name="lr=cosine", exact=True)
    name.click()
    assert name.get_attribute("aria-expanded") == "true"
    assert "darkmagic train trick=lr=cosine" in row.inner_text()
    name.hover()
    mark = page.locator('[id="effect-lr=cosine"]')
    assert "shown" in (mark.get_attribute("class") or "")
    page.locator('[id="effect-mixup=on"]').scroll_into_view_if_needed()
    page.locator('[id="effect-mixup=on"]').hover()
    shown = page.locator('tbody[data-row="mixup=on"]').get_attribute("class") or ""
    assert "shown" in shown
    assert not errors
    page.context.close()


def test_report_page_prints_on_six_pages_at_most(
    browser: Browser, file: Path, tmp_path: Path
) -> None:
    """Chromium prints the page on A4 as a PDF file."""
    page, _, _ = _open(browser, file)
    paper = tmp_path / "report.pdf"
    page.pdf(path=str(paper), format="A4")
    printed = paper.read_bytes()
    assert printed.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 6
    page.context.close()


def test_report_page_filters_and_compares_settings(browser: Browser, file: Path) -> None:
    """Rows are found by a part of their name and by verdict, and two rows by what differs."""
    page, errors, _ = _open(browser, file)
    page.get_by_label("Find").fill("STEM")
    visible = page.locator("#rows tbody:visible")
    found = {row.get_attribute("data-row") for row in visible.all()}
    assert found == {"stem=relu", "stem=swish"}
    assert page.locator("#found").inner_text() == "2 of 5 rows"
    page.get_by_label("Find").fill("")
    page.get_by_label("Verdict").select_option("worse")
    assert [row.get_attribute("data-row") for row in visible.all()] == ["mixup=on"]
    page.get_by_text("Compare the settings of two rows").click()
    page.get_by_role("combobox", name="One", exact=True).select_option("lr=cosine")
    page.get_by_role("combobox", name="Other", exact=True).select_option("mixup=on")
    lines = [" ".join(row.inner_text().split()) for row in page.locator("#differences tr").all()]
    assert lines == [
        "setting lr=cosine mixup=on",
        "tricks.lr.cycles none 2",
        "tricks.lr.final 0.0 none",
        "tricks.mixup.alpha none 1",
    ]
    assert not errors
    page.context.close()


def test_report_page_switches_curves_and_tells_their_values(browser: Browser, file: Path) -> None:
    """Rows are switched on and off, another quantity is chosen, and hovering names a value."""
    page, errors, _ = _open(browser, file, viewport={"width": 1280, "height": 900})
    page.get_by_text("Learning curves").click()
    lines = page.locator('.panel[data-key="value"] .line:visible')
    assert lines.count() == 5
    page.get_by_role("checkbox", name="mixup=on").uncheck()
    assert lines.count() == 4
    page.get_by_role("button", name="baseline only").click()
    assert lines.count() == 1
    field = page.locator('.panel[data-key="value"] .field')
    field.scroll_into_view_if_needed()
    field.hover()
    assert re.fullmatch(r"baseline: 8\d\.\d+ at epoch 1\d", page.locator("#hovered").inner_text())
    page.locator("#quantity").select_option("lr")
    assert page.locator(".panel:visible").get_attribute("data-key") == "lr"
    assert not errors
    page.context.close()


def test_forest_shows_gains_to_expect_and_differences_again(browser: Browser, file: Path) -> None:
    """The figures and marks of every row are those of its outlook, and then the measured again."""
    page, errors, _ = _open(browser, file)
    report = report_of(simulated(SMALL, 3, GAINS))
    rows = {row.name: row for row in report.comparison.tricks}
    shown = page.locator("#forest tbody tr")

    def figures() -> dict[str, tuple[str, str]]:
        return {
            row.get_attribute("data-row") or "": (
                row.locator("td.number").first.inner_text(),
                row.locator(".dot").get_attribute("style") or "",
            )
            for row in shown.all()
        }

    measured = figures()
    assert measured.keys() == rows.keys()
    page.get_by_label("Show").first.select_option("expected")
    expected = figures()
    for name, row in rows.items():
        assert row.outlook is not None
        assert row.difference is not None
        assert expected[name][0] == f"{row.outlook.gain:+.2f}"
        assert measured[name][0] == f"{row.difference:+.2f}"
    assert all(expected[name][1] != at for name, (_, at) in measured.items())
    page.get_by_label("Show").first.select_option("")
    assert [text for text, _ in figures().values()] == [text for text, _ in measured.values()]
    assert [at.rstrip(";") for _, at in figures().values()] == [at for _, at in measured.values()]
    assert not errors
    page.context.close()


DRAWN = """[...document.querySelectorAll("#forest tr")].map((row) => [
  row.innerText, row.querySelector(".strip")?.ariaLabel,
  ...[...row.querySelectorAll("i")].map((mark) => [mark.title, mark.getBoundingClientRect().x]),
])"""
"""What every row of the picture says and where its marks are."""


def test_forest_shows_costs_and_other_metrics_of_the_runs(browser: Browser, tmp_path: Path) -> None:
    """Each quantity that the runs have is drawn and told, on its side of the baseline, and back."""
    rng = random.Random(0)
    runs = [
        dataclasses.replace(
            run, others={LOSS: 0.5 + rng.gauss(0, 0.1)} if run.option != "swish" else {}
        )
        for run in simulated(SMALL, 3, GAINS)
    ]
    report = report_of(runs)
    file = tmp_path / "report.html"
    file.write_text(write_report(report, "html"))
    page, errors, _ = _open(browser, file)
    before = page.evaluate(DRAWN)
    shown = page.get_by_label("Show").first
    assert shown.locator("option").all_inner_texts()[2:] == [LOSS.name, "time a step", "total time"]
    for title in (LOSS.name, "time a step"):
        shown.select_option(title)
        assert "decides nothing" in page.locator("#shown-note").inner_text()
        zero = page.locator("#forest .zero").first.get_attribute("style") or ""
        for row in report.comparison.tricks:
            line = page.locator(f'#forest tr[data-row="{row.name}"]')
            text = line.locator("td.number").first.inner_text()
            place = line.locator(".dot").get_attribute("style") or ""
            change, time = row.others.get(LOSS), row.ratios["time"]
            if title == LOSS.name and change is None:
                assert (text, line.locator(".dot").is_visible()) == ("", False)
                continue
            assert time is not None
            is_more = time.value > 1 if change is None or title != LOSS.name else change.value > 0
            assert text == (f"{time.value:.2f}x" if title != LOSS.name else f"{change.value:+.4f}")
            assert (_percent(place) > _percent(zero)) == is_more
        check_page(page)
    shown.select_option("")
    assert page.evaluate(DRAWN) == before
    assert not errors
    page.context.close()


def _percent(style: str) -> float:
    return float(re.findall(r"left: ([\d.]+)%", style)[0])


def test_recipe_of_the_page_is_downloaded_and_can_be_read(
    browser: Browser, file: Path, tmp_path: Path
) -> None:
    """The file has every trick's option as a text, with the proved one or the chosen row's."""
    page, errors, _ = _open(browser, file)
    for row, changed in (("", {"lr": "cosine"}), ("stem=swish", {"stem": "swish"})):
        page.get_by_label("Recipe of").select_option(row)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download recipe.yaml").click()
        download.value.save_as(tmp_path / "recipe.yaml")
        recipe = yaml.safe_load((tmp_path / "recipe.yaml").read_text())
        assert recipe == {"tricks": {"lr": "cycles", "mixup": "off", "stem": "leaky", **changed}}
    assert not errors
    page.context.close()


def test_report_page_has_everything_without_script(browser: Browser, file: Path) -> None:
    """Rows open, curves are all drawn, and nothing is offered that would do nothing."""
    page, _, _ = _open(browser, file, java_script_enabled=False)
    assert page.locator(".needs-script:visible").count() == 0
    page.get_by_text("More of lr=cosine").click()
    assert page.get_by_text("darkmagic train trick=lr=cosine").is_visible()
    page.get_by_text("Learning curves").click()
    assert page.locator(".panel:visible").count() == 3
    assert page.locator('.panel[data-key="value"] .line:visible').count() == 5
    page.context.close()


def test_report_page_is_used_by_keyboard_alone(browser: Browser, file: Path) -> None:
    """Tab leads from the link to the answer to the first row of the table, which Enter opens."""
    page, errors, _ = _open(browser, file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the answer"
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "name":
            break
    assert page.evaluate("document.activeElement.textContent") == "baseline"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.ariaExpanded") == "true"
    assert not errors
    page.context.close()
