"""What the pages for contributors say is so: paths are there, hooks run what CI runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).parents[1]
PAGES = ["CONTRIBUTING.md", "docs/architecture.md"]
ROOTS = "checklist|trainers|sweeps|cli|tests|docs|docker"


@pytest.mark.parametrize("page", PAGES)
def test_paths_that_a_page_names_exist(page: str) -> None:
    """Each file and folder named in the pages for contributors is in the repository."""
    text = (REPO / page).read_text()
    paths = set(re.findall(rf"(?<![\w./-])(?:{ROOTS})/[\w./*-]*", text))
    paths = {path for path in paths if "NAME" not in path}
    assert len(paths) > 10
    missing = [path for path in paths if not (REPO / path).exists()]
    assert not missing


def test_figures_of_the_gpu_page_are_in_the_committed_outputs() -> None:
    """Each number of its tables, and of the lines on a GPU of docs/speed.md, is in an output.

    Or in a benchmark's results, to two decimals.
    """
    outputs = "\n".join(path.read_text() for path in (REPO / "tests/gpu/results").glob("*.txt"))
    for path in (REPO / "tests/benchmarks/results/gpu").glob("*.json"):
        for number in re.findall(r"\d+\.\d+", path.read_text()):
            outputs += f" {float(number):.2f}"
    page = (REPO / "docs/gpu.md").read_text()
    cells = [
        cell.strip(" %")
        for line in page.splitlines()
        if line[:1] == "|"
        for cell in line.split("|")
    ]
    figures = {cell for cell in cells if re.fullmatch(r"-?[\d,.]+", cell)}
    lines = re.search(
        r"On an NVIDIA H200 .*?gpu\.md", (REPO / "docs/speed.md").read_text(), re.DOTALL
    )
    assert lines is not None
    figures |= set(re.findall(r"[\d,]*\d\.\d+|\d+,\d{3}", lines[0] + page))
    assert len(figures) > 30
    derived = {
        "4.7",
        "1.3",
        "0.210",
        "0.010",
        "2.5",
        "251,000",
        *("0.42", "0.66", "0.7", "1.1", "1.41", "102,000"),
        *("1.4", "6.6", "8.5", "32.1", "76.1", "6,800", "25,978", "53,000"),
        *("0.03", "0.36", "2,048", "12,800", "20,000", "45,000", "60,000", "77.0"),
    }  # derived from those, or rounded; a goal, published effects, numbers of images
    assert not {
        f for f in figures - derived if not re.search(rf"(?<![\d.,]){re.escape(f)}\b", outputs)
    }


def test_every_room_is_on_the_page_of_floors() -> None:
    """The table of floors has every room of sweeps and every top-level folder."""
    table = (
        (REPO / "docs/architecture.md").read_text().partition("## Floors")[2].partition("\n## ")[0]
    )
    apart = {"conf", "hydra_plugins"}  # configuration and Hydra's own place for plugins
    rooms = {path.parent.name for path in REPO.glob("sweeps/*/__init__.py")} - apart
    for room in [f"sweeps/{name}" for name in rooms] + ["cli", "trainers", "checklist"]:
        assert f"`{room}/`" in table, room


def test_site_with_a_link_to_nowhere_fails_as_ci_builds_it(tmp_path: Path) -> None:
    """The words of CI's build end in an error for a heading that there is not; --quiet did not."""
    script = (REPO / ".ci" / "run").read_text()
    (line,) = re.findall(r"(mkdocs build [^)\n]*)", script)
    words = [word for word in shlex.split(line) if word != "$work/site"]
    assert words[-1] == "--site-dir"
    validation = re.search(
        r"^validation:\n(?:  .*\n)+", (REPO / "mkdocs.yml").read_text(), re.MULTILINE
    )
    (tmp_path / "mkdocs.yml").write_text(f"site_name: mine\ntheme: null\n{validation[0]}")
    (tmp_path / "docs").mkdir()
    for target, code in (("here", 0), ("nowhere", 1)):
        (tmp_path / "docs/index.md").write_text(f"# Here\n\n[A link](index.md#{target})\n")
        command = [sys.executable, "-m", *words, str(tmp_path / "site")]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
        assert done.returncode == code, done.stderr


def test_hooks_run_the_commands_of_ci() -> None:
    """pre-commit runs every command of CI's lint and types, and none from elsewhere."""
    config = yaml.safe_load((REPO / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    script = (REPO / ".ci" / "run").read_text()
    checks = re.findall(r"^ *(uv run --no-sync (?:ruff|mypy).*)$", script, re.MULTILINE)
    assert [hook["entry"] for hook in hooks] == checks
    for hook in hooks:
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False
        assert {"id", "name"} <= set(hook)
