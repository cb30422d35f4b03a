"""The tutorials, run word for word in a repository of its own, with the programs that they name.

Weekly, as they train. `DARKMAGIC_TEST_TIMM` is a clone of timm's repository.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from programs import make_programs

REPO = Path(__file__).parents[2]
PAGES = REPO / "docs" / "tutorials"
TIMM = "https://github.com/huggingface/pytorch-image-models"
pytestmark = [pytest.mark.weekly, pytest.mark.timeout(3600)]


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of an environment with the packages of the tutorials."""
    return make_programs(tmp_path_factory.mktemp("others"))


def _environment(page: str, others: Path) -> dict[str, str]:
    ours = Path(sys.executable).parent
    first = ours if page == "plain" else others
    found = {**os.environ, "PATH": f"{first}:{ours}:{os.environ['PATH']}"}
    if clone := os.environ.get("DARKMAGIC_TEST_TIMM"):  # the same words, from a nearer place
        found |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": TIMM}
        found["GIT_CONFIG_KEY_0"] = f"url.{clone}.insteadOf"
    return found


def _make_images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for split, count in {"train": 24, "validation": 12}.items():
        for label in range(3):
            (folder / split / str(label)).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 80, (32, 32, 3)) + 80 * label
                path = folder / split / str(label) / f"{number}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.mark.parametrize("page", sorted(path.stem for path in PAGES.glob("*.md")))
def test_tutorial_runs_word_for_word(tmp_path: Path, others: Path, page: str) -> None:
    """Each command of a tutorial runs as it is written, and its sweep has verdicts or a table."""
    blocks = re.findall(
        r"```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)```", (PAGES / f"{page}.md").read_text(), re.DOTALL
    )
    for name in ("trainers", "cli"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    _make_images(tmp_path / "images")
    for _, title, text in blocks:
        if title:
            (tmp_path / title).write_text(text)
    before = {path: path.read_text() for path in tmp_path.glob("*.py")}
    commands = [
        line for language, _, text in blocks if language == "sh" for line in text.split("\n")
    ]
    for command in filter(None, commands):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=_environment(page, others),
            capture_output=True,
            text=True,
            timeout=3000,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert list((tmp_path / "runs").glob("*/report.html"))
    assert {path: path.read_text() for path in before} == before
