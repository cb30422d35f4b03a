"""What is printed: text as it is, commands that can be pasted, errors that are whole."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from rich.console import Group
from rich.table import Table

from darkmagic.cli.console import SafeConsole
from darkmagic.cli.views.blocks import next_steps
from darkmagic.sweeps.commands.preflight import _died
from darkmagic.trainers.data import Few, Folder, Shapes, TorchvisionSet
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.errors import own_error, short_message
from darkmagic.trainers.models import SmallResNet
from darkmagic.trainers.preflight.run import CHECKS, run_preflight
from darkmagic.trainers.recipe import Recipe

HOSTILE = ["[/x]", "[old]", "only=[mixup]", "[red]x[/red]", ":smile:", "\\[x]", "ü"]


def _printed(*objects: object, width: int = 80) -> str:
    file = io.StringIO()
    SafeConsole(file=file, width=width).print(*objects)
    return file.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_brackets_are_no_markup(text: str) -> None:
    """Neither by themselves nor in a table."""
    table = Table()
    table.add_column(text)
    table.add_row(f"/data/{text}/x")
    assert _printed(text) == f"{text}\n"
    assert f"/data/{text}/x" in _printed(table)


@pytest.mark.parametrize("character", ["\x1b[2J", "\x07", "\x9b31m", "\r", "\x08", "\x00"])
def test_control_characters_do_not_reach_the_terminal(character: str) -> None:
    """A class's name or an error can neither clear the screen nor rewrite a line."""
    table = Table("class")
    table.add_row(f"cat{character}dog")
    for printed in (_printed(f"cat{character}dog"), _printed(table)):
        assert not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 for c in printed)


def test_command_to_run_next_is_one_line() -> None:
    """However narrow the terminal is."""
    command = "darkmagic checklist run 'only=[mixup]' " + "dataset.source.root=/data/[old] " * 5
    assert f"  {command}\n" in _printed(Group(*next_steps([("why", command)])), width=40)


MESSAGES = {
    "Error in call to target 'x':\nKeyError('size')\nfull_key: y": "'x': KeyError('size')",
    "one:\n\ntwo:\nthree\nfour": "one: two: three",
    "plain\nmore": "plain",
    "": "ValueError",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_cause_is_not_cut_off_after_a_colon(message: str) -> None:
    """What an error announces stands in the next line."""
    assert short_message(ValueError(message)).endswith(MESSAGES[message])


@dataclass(frozen=True)
class _Broken:
    """A user's data set with a mistake of theirs."""

    def load(self, split_seed: int) -> Data:
        return {}["no such split"]  # the user's line


def _recipe(dataset: object) -> Recipe:
    return Recipe(dataset, SmallResNet, {}, epochs=1, batch_size=8, device="cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("recipe", "check", "message"),
    [
        (_recipe(_Broken()), "data", "KeyError: 'no such split'.*test_printed.py, line .*user's"),
        (_recipe(object()), "data", "AttributeError: .*load"),
        (replace(_recipe(Shapes(40)), build=lambda **_: 1 / 0), "model", "ZeroDivisionError"),
    ],
)
def test_users_own_error_is_shown_as_it_is(recipe: Recipe, check: str, message: str) -> None:
    """With its last line and file, and never as a want of memory."""
    (finding,) = run_preflight(recipe)
    assert finding.check == check
    assert finding.level == "stop"
    assert re.search(message, finding.message), finding.message


def test_want_of_memory_is_said_where_it_is_one() -> None:
    """And there alone is a smaller batch the advice."""

    def build(**_: object) -> torch.nn.Module:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    (finding,) = run_preflight(replace(_recipe(Shapes(40)), build=build))
    assert (finding.check, "batch_size" in finding.advice) == ("memory", True)


DEATHS = {
    -signal.SIGKILL: ("memory", "was killed (exit code -9)"),
    -signal.SIGSEGV: ("process", "SIGSEGV"),
    3: ("process", "exit code 3"),
    0: ("process", "exit code 0"),
}


@pytest.mark.parametrize("code", DEATHS)
def test_death_of_the_checks_process_is_said_as_it_is(code: int) -> None:
    """Memory is suspected only where the kernel may have killed it."""
    check, seen = DEATHS[code]
    finding = _died(code)
    assert finding.check == check
    assert seen in finding.message
    assert ("batch_size" in finding.advice) == (check == "memory")


def test_hydras_wrapper_of_an_error_is_left_out() -> None:
    """What is shown is the user's own error, not how to see more of Hydra's."""
    from hydra.utils import instantiate

    with pytest.raises(Exception, match="in call to target") as raised:
        instantiate({"_target_": "json.loads", "s": "{"})
    assert own_error(raised.value).startswith("JSONDecodeError: Expecting property name")


def test_checks_beyond_the_budget_are_named() -> None:
    """A budget that is spent leaves all of them out, and says how to have them."""
    (finding,) = run_preflight(_recipe(Shapes(40)), budget=1e-9)
    assert finding.check == "time"
    assert all(name in finding.message for name in CHECKS)
    assert "runtime.preflight_seconds=" in finding.advice


def _images(folder: Path) -> Iterator[Path]:
    from PIL import Image

    for name in ("a", "b"):
        for index in range(40):
            path = folder / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 10), (index, 0, 0)).save(path)
            yield path


def test_few_images_have_size_channels_and_classes_of_the_data_set(tmp_path: Path) -> None:
    """Those of a folder are its own; those of a set that is not here are noise of its size."""
    assert len(list(_images(tmp_path / "photos"))) == 80
    few = Few(Folder(str(tmp_path / "photos"), cache=str(tmp_path / "cache")), 8).load(0)
    assert (few.channels, few.size, few.classes, len(few.train)) == (3, (10, 12), ("a", "b"), 8)
    assert not list((tmp_path / "cache").rglob("*.npy"))  # that are decoded for all
    noise = Few(TorchvisionSet("CIFAR100", root=str(tmp_path / "none"))).load(0)
    assert (noise.channels, noise.size, len(noise.classes)) == (3, (32, 32), 100)
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match=r"has no items; expected .* load\(\)"):
        Few(object()).load(0)  # type: ignore[arg-type]
