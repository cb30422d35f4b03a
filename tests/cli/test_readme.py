"""The README and the pages around it: every command runs, every figure is a committed one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from readme_renderer import markdown

from browsing import open_page, start_chromium
from commanding import run_command, start_command

REPO = Path(__file__).parent.parent.parent
README = (REPO / "README.md").read_text()
PAGES = {
    path: (REPO / path).read_text()
    for path in (
        *("README.md", "docs/first_sweep.md", "docs/reading.md", "docs/choosing.md"),
        *("docs/own.md", "docs/preflight.md", "docs/digits.md", "docs/skills/darkmagic/SKILL.md"),
        "cli/package/README.md",
    )
}
"""Pages whose commands run here, on the project of docs/own.md; others have tests of their own."""
BLOCKS = [
    block
    for text in PAGES.values()
    for block in re.findall(r"```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)```", text, re.DOTALL)
]
LINES = [
    " ".join(line.partition("#")[0].split())
    for language, _, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
    if "darkmagic " in line and "mkdocs" not in line
]
ELSEWHERE = (REPO / "docs" / "optimize.md").read_text()  # its commands run in test_optimize.py
COMMANDS = [
    command
    for command in dict.fromkeys(line.rpartition("darkmagic ")[2] for line in LINES)
    if not (command.startswith("optimize") and command in ELSEWHERE)
]
"""Each once, without what sets up."""
TINY = ["dataset=tiny", "hydra.launcher.devices=cpu"]
FEW = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
"""Two trials show that a command runs; that all sixteen do has tests of its own."""
LEFT_OUT = {"seeds", "dataset", "budget", "design"}
"""What a dry run leaves out: a command with it would try what another one here tries."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the project that docs/own.md describes: its files, and a sweep to report on."""
    folder = tmp_path_factory.mktemp("project")
    for _, title, text in BLOCKS:
        if title:
            path = folder / title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (folder / "train.py").write_text("import sys\nprint(f'METRIC acc=0.9{len(sys.argv)}')\n")
    arguments = ["checklist=mine", "--config-dir", "conf", *TINY, "floor=0"]
    done = _darkmagic(folder, ["checklist", "run", "--skip-preflight", *arguments])
    assert done.returncode == 0, done.stderr
    return folder


def _darkmagic(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    # The warm process's fork server has torch, and that of `compare` has none.
    run = start_command if arguments[0] == "compare" else run_command
    return run(*arguments, folder=folder, DARKMAGIC_CACHE=str(folder / "cache"))


WEEKLY = (
    *("compare ", "checklist confirm", "checklist run --dry-run"),
    *("checklist run baseline=vanilla", "train -m"),
)
"""How commands begin that take ten seconds or more, and that other tests run on other settings."""


@pytest.mark.parametrize(
    "command",
    [pytest.param(c, marks=[pytest.mark.weekly] * c.startswith(WEEKLY)) for c in COMMANDS],
)
def test_command_of_a_page_runs(project: Path, command: str) -> None:
    """Every command of the pages runs; `run` tries two steps or plans; `train` has tiny data."""
    arguments = shlex.split(command)
    if arguments[:2] == ["checklist", "run"]:
        if "only=undecided" in arguments:  # extends the project's own sweep
            arguments = [*arguments, "checklist=mine", "--config-dir", "conf", *TINY, "floor=0"]
        elif LEFT_OUT & {word.partition("=")[0] for word in arguments}:
            arguments = ["checklist", "plan", *arguments[2:]]
        elif "--dry-run" not in arguments:
            arguments = [*arguments, "--dry-run"]
        whole = {"checklist=mine", "design=screen"} & {*arguments}  # a screen has no room in FEW
        arguments += [] if whole else [FEW]
    elif arguments[0] == "train":
        arguments += TINY
    elif arguments[0] == "compare":  # the newest sweep of the project stays its own
        arguments[1:1] = ["--out", "compared"]
    elif arguments[0] == "ensemble":
        arguments += ["--of", "trials", "-k", "2"]
    elif arguments[:2] == ["checklist", "confirm"]:
        arguments += ["checklist=mine", "--config-dir", "conf", *TINY, "--take", "noise=on"]
    arguments = [
        {"A": "mine-tiny-resnet8", "B": "mine-tiny-resnet8"}.get(argument, argument)
        for argument in arguments
    ]
    done = _darkmagic(project, arguments)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    if "--spread" in arguments:
        _compare_with_the_page(done.stdout)


def _compare_with_the_page(power: str) -> None:
    """Hold the table of docs/choosing.md to what `power` says."""
    table = PAGES["docs/choosing.md"].partition("| runs | one at a time |")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) >= 5
    for runs, alone, screen in rows:
        if found := re.search(r"[\d.]+|no verdicts", alone):
            assert re.search(rf"\s{runs.strip()}\s+{re.escape(found[0])}", power), (runs, alone)
        if screen.strip():
            assert re.search(rf"runs={runs.strip()}\s+{screen.strip()}", power), (runs, screen)


def test_readme_begins_with_setup_and_tests() -> None:
    """The README's first command sets up and runs the main job, and it has the tests' command."""
    assert LINES[0] == "pip install uv && uv run darkmagic checklist run"
    assert "uv run pytest" in README


STYLE = """body { margin: 0; font: 16px/1.5 sans-serif } article { width: 830px }
h1, h2 { margin: 24px 0 16px; padding-bottom: .3em; line-height: 1.25; border-bottom: 1px solid }
p, table, pre, details { margin: 0 0 16px } pre { padding: 16px; font-size: 85%; line-height: 1.45 }
table { border-collapse: collapse } td, th { padding: 6px 13px; border: 1px solid }
img { max-width: 100% }"""
"""Sizes and spaces of GitHub's pages."""
SCREEN = 950


def test_readme_is_two_screens(repo: Path, tmp_path: Path) -> None:
    """As wide as GitHub shows it, with its picture and with what is folded left folded."""
    page = tmp_path / "readme.html"
    head = f'<base href="{repo.as_uri()}/" /><style>{STYLE}</style>'
    page.write_text(f"{head}<article>{markdown.render(README)}</article>")
    with start_chromium() as browser:
        opened, _, _ = open_page(browser, page.as_uri(), viewport={"width": 1280, "height": SCREEN})
        height = opened.evaluate("document.querySelector('article').offsetHeight")
        (picture,) = opened.evaluate("[...document.images].map((image) => image.height)")
    assert picture > 300
    assert height <= 2 * SCREEN


def test_own_trick_of_the_page_is_a_row_that_can_be_reproduced(project: Path) -> None:
    """The page's trick is in the sweep's report, and the report's command trains it again."""
    report = _darkmagic(project, ["report", "--format", "json"])
    rows = {row["trial"]: row for row in json.loads(report.stdout)["rows"]}
    assert rows["noise=on"]["val_accuracy_percent"] is not None
    assert rows["noise=on"]["runs"].keys() == {"finished"}
    command = rows["noise=on"]["reproduce"]
    assert "trick/noise=on" in command
    again = _darkmagic(project, shlex.split(command)[1:])
    assert again.returncode == 0, again.stderr
    assert "noise=on" in again.stdout


def test_table_of_the_page_on_digits_is_the_committed_report() -> None:
    """Every figure in the table of docs/digits.md is in a committed result."""
    committed = (REPO / "docs" / "results" / "digits" / "report.md").read_text()
    page = PAGES["docs/digits.md"]
    shown = page[page.index("| section | trial |") :].partition("\n\n")[0]
    rows = [line for line in shown.splitlines() if "`" in line]
    assert len(rows) == 16
    assert all(row in committed for row in rows)


@pytest.mark.parametrize("page", ["README.md", "docs/reading.md", "docs/digits.md"])
def test_effects_that_a_page_quotes_are_the_committed_ones(page: str) -> None:
    """Each signed effect, and each chance to help, in the prose of a page is in a result."""
    folder = REPO / "docs" / "results"
    committed = "".join(path.read_text() for path in sorted(folder.glob("digits*/report.md")))
    prose = "\n".join(line for line in PAGES[page].splitlines() if line.count("|") < 8)
    effects = set(re.findall(r"(?<![\w.-])[+-]\d+\.\d+", prose))
    assert len(effects) >= 2
    assert not {effect for effect in effects if effect not in committed}
    for chance in re.findall(r"(\d+) % likely", prose):
        assert f"{chance} % likely" in committed


def test_printed_table_of_the_readme_is_the_committed_screen() -> None:
    """Each row of the table as it was printed has its figures and verdict in the report."""
    committed = (REPO / "docs" / "results" / "digits_screen" / "report.md").read_text()
    rows = {
        cells[2].strip(" `"): cells
        for line in committed.splitlines()
        if len(cells := line.split("|")) > 10 and "`" in cells[2]
    }
    printed = re.findall(
        r"^(\w+=\S+) +([\d.]+) +([+-][\d.]+) +[-o|]+(?: [-o|]+)? +(.+)$", README, re.MULTILINE
    )
    assert len(printed) == len(rows) - 1 == 15
    for name, value, difference, verdict in printed:
        cells = [cell.strip() for cell in rows[name]]
        assert {value, difference, verdict.strip()} <= set(cells), name


def test_linked_files_exist() -> None:
    """Every picture and page that the README and docs link to exists."""
    for page in (REPO / "README.md", *(REPO / "docs").rglob("*.md"), REPO / "docs" / "llms.txt"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
