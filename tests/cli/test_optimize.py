"""`darkmagic optimize`: all its stages, where it is stopped, and what it refuses."""

from __future__ import annotations

import copy
import os
import re
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from commanding import TINY, run_command
from darkmagic.checklist.records import Status
from darkmagic.sweeps import SilentProgress, api
from darkmagic.trainers.data import Digits
from darkmagic.trainers.models import SmallResNet

SMALL = [
    (
        "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']},"
        "{name: weight_decay, section: s, options: [generic, higher]}]"
    ),
    *("epochs=1", "model.build.width=4"),
]
BUDGET, RUNS = "budget=15", 15


@pytest.mark.weekly
def test_stages_end_in_a_recipe_that_can_be_used(tmp_path: Path) -> None:
    """The answer, the story, the recipe's file and the command that trains it agree."""
    words = [*TINY, *SMALL, "-n", "mine", "--skip-preflight", "--seeds", "2"]
    done = run_command("optimize", BUDGET, *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for stage in ("1 of 4", "2 of 4", "3 of 4"):
        assert stage in done.stderr
    folder = tmp_path / "runs/mine"
    story, page = (folder / "optimize.md").read_text(), (folder / "optimize.html").read_text()
    for title in ("The answer", "1. The screen", "2. Tuning", "3. The likeliest", "To use it"):
        assert f"## {title}" in story
        assert f"<h2>{title}" in page
    command = shlex.split(re.search(r"^  (darkmagic train .*)$", done.stdout, re.MULTILINE)[1])
    trained = run_command(*command[1:], "-n", "alone", folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    if (folder / "recipe.yaml").exists():
        recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
        alone = next((tmp_path / "runs/alone").rglob("config.yaml"))
        assert recipe["tricks"] == yaml.safe_load(alone.read_text())["tricks"]
        assert "4 of 4" in done.stderr
        assert re.search(r"## The answer\n\n[+-]?[\d.]+ points on the test set", story)
        _run_snippet(story, folder / "recipe.yaml")
    ablating = re.search(r"^  (darkmagic checklist ablate .*)$", done.stdout, re.MULTILINE)
    assert bool(ablating) == ("Adopt this recipe" in story)
    if ablating:
        assert ablating[1] in story
        apart = run_command(*shlex.split(ablating[1])[1:], "--seeds", "1", folder=tmp_path)
        assert apart.returncode == 0, apart.stderr
        assert "The whole recipe gains" in apart.stdout
    again = run_command("optimize", BUDGET, *words, folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout
    assert "started" not in again.stderr


def _run_snippet(story: str, recipe: Path) -> None:
    """Run the lines for a loop of one's own, on batches of the recipe's own images."""
    code = re.search(r"```\n(import darkmagic.*?)```", story, re.DOTALL)[1]
    data = Digits().load(split_seed=0)
    batches = [(data.train.images[:16], data.train.targets[:16])] * 2
    model = SmallResNet(depth=8, width=4, in_channels=1)
    names: dict[str, Any] = {"model": model, "epochs": 1, "loader": batches, "num_classes": 10}
    names["scale"] = lambda images: images / 255
    before = copy.deepcopy(model.state_dict())
    exec(code.replace('"recipe.yaml"', repr(str(recipe))), names)
    after = names["model"].state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


class Stopping(SilentProgress):
    """Interrupts, as Ctrl-C does, as soon as `limit` trials of all stages have ended."""

    def __init__(self, ended: list[str], limit: int | None) -> None:
        self._ended, self._limit, self._names = ended, limit, [""]

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        self._names = [f"{name} {seed}" for name, seed in trials]

    def added(self, name: str, seed: int) -> None:
        self._names.append(f"{name} {seed}")

    def status(self, index: int, status: Status, reason: str) -> None:
        if status is not Status.RUNNING:
            self._ended.append(self._names[index])
            if self._limit is not None and len(self._ended) == self._limit:
                os.kill(os.getpid(), signal.SIGINT)  # this is the thread that follows trials

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        """Say nothing."""


def _optimize(
    folder: Path, ended: list[str], limit: int | None = None, *, runs: int = RUNS, seeds: int = 2
) -> api.Optimized:
    words = [*TINY, *SMALL, f"runtime.out={folder}", "runtime.experiment=mine"]
    planned = api.plan_optimization(words, budget=str(runs), seeds=seeds)
    assert planned.shares.total == runs
    return api.optimize(planned, lambda: nullcontext(Stopping(ended, limit)))


@pytest.mark.weekly
@pytest.mark.timeout(900)  # thirty trials, and more where it is stopped late
@pytest.mark.parametrize("moment", [2, 5, 8, 12])
def test_way_that_is_stopped_is_gone_on_with(tmp_path: Path, moment: int) -> None:
    """Stopped in any stage, the rest is trained and no more, and the answer is the same."""
    whole: list[str] = []
    expected = _optimize(tmp_path / "whole", whole)
    ended: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        _optimize(tmp_path / "stopped", ended, moment)
    found = _optimize(tmp_path / "stopped", ended)
    assert len(ended) <= len(whole) + 2  # what ran beside the last one may be trained again
    assert found.settled == expected.settled
    assert api.write_story(found) != api.write_story(expected)  # in folders of their own
    texts = [(each.folder / "optimize.md").read_text() for each in (found, expected)]
    assert texts[0].replace(str(tmp_path / "stopped"), "") == texts[1].replace(
        str(tmp_path / "whole"), ""
    )


@pytest.mark.weekly
def test_story_counts_what_was_trained_whichever_budget_paid_for_it(tmp_path: Path) -> None:
    """After a larger budget and fewer seeds, the runs of both are those that it rests on."""
    ended: list[str] = []
    for runs, seeds in ((18, 2), (15, 2), (17, 3)):
        found = _optimize(tmp_path, ended, runs=runs, seeds=seeds)
        assert found.trained.total == len(ended)
        story = next(file for file in api.write_story(found) if file.suffix == ".md").read_text()
        assert f"the best recipe of {len(ended)} runs" in story
        assert f"{found.trained.tuned} of tuning" in story
        assert f"{found.trained.tuned} recipes were tried" in story
        assert ("on the test set" in story.split("## 1.")[0]) == (found.confirmed is not None)
    assert found.trained.tuned > found.planned.shares.tune


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["budget=9"], "budget=9 is too small: a screen of these options has 3 runs or more"),
        (["budget=none"], "budget=none is no budget; write budget=80 (runs), budget=8h or"),
        ([BUDGET, "--seeds", "1"], "--seeds 1: one run has no error bar; give 2 or more"),
        ([BUDGET, "seeds=3"], "seeds=3: optimize plans its own runs; leave it out"),
        ([BUDGET, "design=screen"], "design=screen: optimize plans its own runs"),
        ([BUDGET, "epocs=1"], "no key 'epocs'; did you mean epochs"),
    ],
)
def test_words_that_cannot_be_used_are_one_line(
    tmp_path: Path, words: list[str], said: str
) -> None:
    done = run_command("optimize", *words, *TINY, *SMALL, folder=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "runs").exists()
