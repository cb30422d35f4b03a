"""docs/team.md: its commands run as they stand, on small data; its server is test_team.py's."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from commanding import run_command
from darkmagic.sweeps.trial.settings import Track

REPO = Path(__file__).parents[3]
PAGE = (REPO / "docs" / "team.md").read_text()
LINES = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines()
COMMANDS = [line for line in LINES if line.startswith("darkmagic ")]
SMALL = ["dataset=tiny", "model.build.width=16", "runtime.device=cpu", "epochs=1", "only=mixup"]


def test_every_sink_has_an_extra_and_a_command_on_the_page() -> None:
    """Each choice of `track=` but MLflow is installed as the page and the messages say."""
    extras = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    named = set(Track) - {Track.MLFLOW}
    assert named <= set(extras["optional-dependencies"])
    assert len(COMMANDS) == len(named)
    for name in named:
        assert f"pip install 'darkmagic-checklist[{name}]'" in LINES
        assert f"darkmagic checklist run track={name} -n mine" in COMMANDS


def test_page_makes_every_password_that_compose_asks_for() -> None:
    """The loop of the page has the names that `docker/compose.yaml` refuses to start without."""
    asked = set(re.findall(r"\$\{(\w+):\?", (REPO / "docker/compose.yaml").read_text()))
    (loop,) = [line for line in LINES if "for name in" in line]
    assert set(re.findall(r"[A-Z0-9_]{6,}", loop)) == asked
    volumes = yaml.safe_load((REPO / "docker/compose.yaml").read_text())["volumes"]
    assert all(f"`{name}`" in PAGE for name in volumes)
    assert "docker/.env" in (REPO / ".gitignore").read_text()
    assert "docker/.env" in (REPO / ".dockerignore").read_text()


@pytest.mark.parametrize(
    "command", [pytest.param(c, marks=[pytest.mark.weekly] * ("wandb" in c)) for c in COMMANDS]
)
def test_copy_is_where_the_page_looks_for_it(command: str, tmp_path: Path) -> None:
    """The command that follows on the page finds what the sweep has written."""
    if "wandb" in command:
        pytest.importorskip("wandb")
    done = run_command(*shlex.split(command)[1:], *SMALL, "--skip-preflight", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    place = LINES[LINES.index(command) + 1].split()[-1]
    found = list(tmp_path.glob(place))
    assert found
    below = [path for path in found[0].rglob("*") if path.is_file()]
    assert below
    said = " ".join((done.stdout + done.stderr).split())
    assert place.rpartition("/")[2].removesuffix("offline-run-*") in said
