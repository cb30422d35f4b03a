"""What people type and write: a plan, or one line that says what is wrong, whatever it is."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from hypothesis import strategies as st

from darkmagic.checklist.errors import UserError
from darkmagic.cli.options import all_overrides
from darkmagic.sweeps import api
from darkmagic.sweeps.compose.overrides import check_overrides, read_overrides
from darkmagic.sweeps.compose.session import hydra_session
from darkmagic.sweeps.launch.progress import SilentProgress
from darkmagic.sweeps.orchestrate.compose_trials import compose_trials
from generated import Tried, asked
from typed_commands import blocked_lines
from typed_inputs import command_lines, config_files, outcome, write_files

GENERATED = {kind: asked(kind) for kind in ("", "_FOLDERS", "_COMMANDS")}
"""Inputs of each kind, where it is set: a line takes a tenth of a second, a folder or a command a
second. They are the same ones in every run, as their seed is kept."""


def _check(arguments: list[str], *, planned: tuple[int, ...] = (0,)) -> None:
    """Check that it is a plan (exit code 0), or one printable line and exit code 2; never a bug."""
    before = sorted(Path.cwd().rglob("*"))
    code, printed = outcome(arguments)
    assert code in (2, *planned), printed
    assert "internal error" not in printed
    assert all(c.isprintable() or c == "\n" for c in printed)
    if code == 2 and "Usage:" not in printed:
        assert len(printed.strip().splitlines()) == 1, printed
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.fixture(scope="module")
def loader() -> ConfigLoader:
    """Return a loader over our configuration alone, which has composed what many inputs need."""
    with hydra_session() as hydra:
        return hydra.config_loader


@pytest.mark.timeout(0 if GENERATED[""] else 300)
def test_generated_command_line_is_planned_or_refused_in_one_line(loader: ConfigLoader) -> None:
    """No command line is an internal error, hangs, or leaves a file.

    Those that are refused word by word are tried by that alone, as it takes milliseconds; what
    passes, and one in fifty of the others, goes through the command.
    """

    def attempt(case: tuple[list[str], int]) -> None:
        arguments, number = case
        if number:
            try:
                read_overrides(loader, arguments[2:])
            except UserError:
                return
        _check(arguments)

    Tried("", 160).each(st.tuples(command_lines(), st.integers(0, 49)), attempt)


@pytest.mark.timeout(0 if GENERATED["_FOLDERS"] else 300)
def test_generated_file_is_planned_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """No file of a user's own is an internal error, hangs, or leaves a file."""

    def attempt(case: tuple[dict[str, str], list[str]]) -> None:
        files, overrides = case
        folder = tmp_path_factory.mktemp("conf")
        write_files(folder, files)
        _check(["checklist", "plan", "-c", str(folder), *overrides])

    Tried("_FOLDERS", 12).each(config_files(), attempt)


@pytest.mark.timeout(0 if GENERATED["_COMMANDS"] else 300)
def test_generated_command_that_cannot_write_is_refused_in_one_line(tmp_path: Path) -> None:
    """Of every command that trains or reads runs: whatever is right of its words, a file stands in
    the place of its out folder, so that none trains, hangs, or leaves a file.
    """
    blocked = tmp_path / "blocked"
    blocked.touch()

    def attempt(arguments: list[str]) -> None:
        _check([*arguments, "-o", str(blocked)], planned=())
        assert [*tmp_path.iterdir()] == [blocked]

    Tried("_COMMANDS", 10).each(blocked_lines(), attempt)


TYPED = {
    "hydra=x": "of Hydra's own keys you can set",
    "hydra.job.name=x": "of Hydra's own keys you can set",
    "hydra.searchpath=[nope]": "no folder nope",
    "~dataset.name": "dataset.name cannot be left out",
    "~tricks.mixup": "tricks.mixup cannot be left out",
    "~nope": "no key 'nope'",
    "+seeds=0": "seeds is there already; write seeds=0",
    "+epochs=a": "epochs is there already",
    "++epochs=a": "epochs=a: epochs takes a whole number",
    "+epoch=3": "did you mean epochs",
    "+note=mine": r"no code reads note, nor does any \$\{note\}",
    "+anytypo=1": "no code reads anytypo",
    "+dataset.note=1": r"no code reads dataset.note",
    "+runtime.devic=cpu": "no key 'runtime.devic'; did you mean runtime.device",
    "+dataset=tiny": "write dataset=tiny",
    "dataset@x=tiny": "write dataset=tiny, without @",
    "runtime.device=${nope:1}": r"runtime.device=\$\{nope:1\}: Unsupported interpolation",
    "runtime.device=${oc.env:NOPE}": "Environment variable 'NOPE' not found",
    "runtime.device=upc": "need auto, cpu, cuda",
    "+dataset.source.nope=1": "Digits has no field 'nope'",
    "tricks.cutmix.alpha=3": "every trial has trick/cutmix=off, which has no alpha; take trick/cut",
    "min_effect=nan": "and finite",
    "model=torchvision": "model.build.name is not set",
    "model=timm": "model.build.name is not set",
    "seeds=1000000": "seeds=1000000: give seeds=1000 or fewer",
    "seeds=+1000000": r"write seeds=\+2",
    "lr=range(1,100000000000)": "gives several values",
    "dataset.source._target_=nope.Nope": "no module 'nope'",
    "dataset.source._target_=torch.nn.Lineer": "did you mean Linear",
    "dataset.source._target_=darkmagic.trainers.data.Shape": "did you mean Shapes",
    "dataset.source._target_=json": "need a dotted name",
    "dataset.source._target_=json.decoder": "it is a module",
    "+dataset.source._partial_=[1]": "leave it out",
}


@pytest.mark.parametrize("override", TYPED)
def test_override_is_refused_in_one_line(override: str) -> None:
    """The line has the key, the value and the nearest valid choice."""
    with pytest.raises(UserError, match=TYPED[override]) as error:
        api.plan([override])
    assert "\n" not in str(error.value)


def test_key_that_a_mapping_adds_is_named() -> None:
    """Hydra says of it that it could not override, and keeps why to itself."""
    words = ["trainer=command", "trainer.command=[python, train.py]", "trainer.metric=acc"]
    with pytest.raises(UserError, match=r"'trainer.tricks': Key 'mixup' .*; a \+ before it adds"):
        api.plan([*words, "trainer.tricks={mixup: {off: [], on: [--mixup]}}"])


BAD_NAMES = [
    "",
    "x" * 300,
    "../../x",
    "/abs",
    "a/b",
    ".",
    "..",
    " a",
    "a\nb",
    "a\x1b",
    "${oc.env:HOME}",
]
GOOD_NAMES = ["o'brien", "a=b", "a,b", "[old]", "ü & x", "5", "x\\", "a #1", "100%", "-n", "{x}"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_name_that_is_no_folders_is_refused(name: str) -> None:
    """Nothing may be written outside the out folder."""
    with pytest.raises(UserError, match=r"runtime.experiment=.*: need a name of 1 to 100"):
        api.plan(all_overrides([], name, None))


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_name_with_any_other_character_is_taken(name: str) -> None:
    """In the option, in an override, and in what starts the sweep again."""
    planned = api.plan(all_overrides([], name, Path("a'b, [c]")))
    assert str(planned.config.runtime.experiment) == name
    assert planned.config.runtime.out == "a'b, [c]"
    assert planned.request.overrides == ("--name", name, "--out", "a'b, [c]")


PATHS = ["a=b", "a,b", "[old]", "/d/[old]/x", "a b", "a&b", "ü", "~/x", "o'brien", "a#b", "{a: 1}"]


@pytest.mark.parametrize("path", PATHS)
def test_path_is_taken_as_it_is_typed(loader: ConfigLoader, path: str) -> None:
    """No quotes are needed beside the shell's."""
    checked = check_overrides(loader, ["dataset=folder", f"dataset.source.root={path}"])
    assert checked.config.dataset.source.root == path


def test_nearest_plan_of_many_seeds_is_quick() -> None:
    """As many seeds as are allowed are planned in seconds."""
    started = time.monotonic()
    assert len(api.plan(["seeds=1000"]).plan.trials) == 16000
    assert time.monotonic() - started < 20


ROW = "{name: mixup, section: s, options: ['off', 'on']}"
BOMB = "a0: &a0 [x, x]\n"
BOMB += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
CHECKLISTS = {
    "tricks: []\n": "checklist has no name",
    "name: mine\n": "has no tricks; write tricks:",
    "name: mine\ntricks: null\n": "has no tricks",
    "name: mine\ntricks: mixup\n": "write a list",
    "name: mine\ntricks:\n- {name: mixup, options: [on]}\n": r"it has no section\); write",
    "name: mine\ntricks:\n- {name: mixup, section: s}\n": r"it has no options\); write",
    f"name: mine\ntricks: [{ROW}]\noptions: []\n": "no key options",
    f"name: mine\ntrick: [{ROW}]\n": "no key trick; did you mean tricks",
    "name: mine\ntricks:\n- {name: mixup, section: s, options: ['off'], x: 1}\n": "no key x",
    "name: mine\ntricks:\n- {name: [1], section: s, options: ['off']}\n": "need a name",
    "name: mine\nextends: mine\n": "extends itself: mine -> mine",
    "name: mine\nextends: other\n": "extends itself: mine -> other -> mine",
    "name: mine\nextends: [article]\n": "which there is not",
    "name: mine\ntricks:\n\t- x\n": r"mine.yaml, line 3, column 1: .*blanks, not with tabs",
    "name: mine\ntricks: [\n": r"mine.yaml, line 3, column 1: expected",
    "name: mine\nname: yours\n": r"mine.yaml, line 2, column 1: found duplicate key name",
    "name: mine\n---\nname: yours\n": r"mine.yaml, line 2, column 1: .*one mapping",
    "- name\n": "checklist/mine sets no keys of checklist",
    "name: ${nope}\n": "nope",
    "name: !!python/object:os.system x\n": r"mine.yaml, line 1",
    "name: \x00\n": "mine.yaml",
    BOMB: "mine.yaml: with its aliases .* more than 100,000 values",
    "name: mine\ntricks: &a [*a]\n": "mine.yaml: with its aliases",
}


@pytest.mark.parametrize("content", CHECKLISTS)
def test_checklist_that_cannot_be_read_is_named_with_its_place(
    tmp_path: Path, content: str
) -> None:
    """A row, or file, line and column, and how it is written."""
    other = f"name: other\nextends: mine\ntricks: [{ROW}]\n"
    write_files(tmp_path, {"checklist/mine.yaml": content, "checklist/other.yaml": other})
    with pytest.raises(UserError, match=CHECKLISTS[content]) as error:
        api.plan(["checklist=mine"], [tmp_path])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["x=y", "ü", "a b", "o'brien", "50%"])
def test_file_of_any_name_is_chosen_as_it_is_typed(tmp_path: Path, name: str) -> None:
    """Also one that Hydra's grammar cannot read; one that is not there is refused by name."""
    text = f"name: mine\ntricks: [{ROW}]\n"
    write_files(tmp_path, {f"checklist/{name}.yaml": text})
    assert len(api.plan([f"checklist={name}"], [tmp_path]).plan.trials) == 2
    with pytest.raises(UserError, match=r"no option .* of checklist .*(did you mean|choose from)"):
        api.plan([f"checklist={name}=ü"], [tmp_path])


def test_off_and_on_need_no_quotes(tmp_path: Path) -> None:
    """YAML reads them as false and true."""
    rows = "- {name: mixup, section: s, options: [off, on], vanilla: off}"
    write_files(tmp_path, {"checklist/mine.yaml": f"name: mine\ntricks:\n{rows}\n"})
    trials = api.plan(["checklist=mine"], [tmp_path]).plan.trials
    assert [trial.name for trial in trials] == ["baseline", "mixup=on"]


OPTIONS = [
    ["runtime.experiment='x y'"],
    ["runtime.out='a, b'"],
    ["model=timm", "model.build.name=resnet26d"],
    ["model=torchvision", "model.build.name=resnet18"],
    ["dataset=folder", "dataset.source.root=x"],
    ["checklist=modern", "baseline=vanilla"],
    ["seeds=2", "trick/cutout=16", "tricks.mixup.alpha=1"],
    ["hydra.launcher.threads=1", "+mine=0.1", "lr=${mine}"],
]


def _pairs() -> list[object]:
    """Return every pair, and all at once with one of the two models; most pairs are weekly."""
    weekly = [pytest.mark.weekly]
    several = [
        pytest.param(pair, marks=weekly if index % 5 else [], id=str(pair))
        for index, pair in enumerate(itertools.combinations(range(len(OPTIONS)), 2))
        if pair != (2, 3)  # one of two models
    ]
    every = [tuple(i for i in range(len(OPTIONS)) if i != model) for model in (2, 3)]
    return [*several, *every]


@pytest.mark.parametrize("chosen", _pairs())
def test_options_are_composed_to_the_last_trial(chosen: tuple[int, ...]) -> None:
    """No two options break each other, up to the configuration of each trial."""
    planned = api.plan([word for index in chosen for word in OPTIONS[index]])
    with hydra_session() as hydra:
        last = planned.plan.overrides[-1]
        master = hydra.config_loader.load_configuration(
            "config", list(planned.checked.plain), run_mode=RunMode.MULTIRUN
        )
        one = type(planned.plan)(planned.plan.checklist, planned.plan.trials[-1:], (last,))
        (state,) = compose_trials(hydra.config_loader, master, one, SilentProgress())
    assert state.resolved["seed"] == planned.plan.trials[-1].seed
