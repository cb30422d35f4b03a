"""Every declared value of the configuration, out of its range in every way and at its ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.config_loader import ConfigLoader

from commanding import run_command
from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api, conf
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.compose.checks.options import check_options
from darkmagic.sweeps.compose.checks.values import check_node, check_resolved
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import fields_of, resolve
from darkmagic.sweeps.trial.settings import settings
from ranges import assert_one_line, invalid_values, valid_ends

CONF = Path(str(conf.__file__)).parent
OPTIONS = sorted(CONF.glob("trick/*/*.yaml"))
SETTINGS = {key: d for key, d in settings() if not key.startswith("hydra.")}
FIELDS = [
    (path.parent.name, path.stem, name)
    for path in OPTIONS
    for name in fields_of(yaml.safe_load(path.read_text()))
    if name != "_target_"
]


@pytest.fixture(scope="module")
def loader() -> Iterator[ConfigLoader]:
    """Give one Hydra session to the whole module."""
    with hydra_session() as hydra:
        yield hydra.config_loader


@pytest.fixture(scope="module")
def plain(loader: ConfigLoader) -> dict[str, Any]:
    """Return the resolved default configuration."""
    return resolve(compose(loader, []))


def _with(content: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    name, _, rest = key.partition(".")
    return {**content, name: _with(content[name], rest, value) if rest else value}


@pytest.mark.parametrize("key", SETTINGS)
def test_setting_out_of_range_is_refused_in_one_line(plain: dict[str, Any], key: str) -> None:
    """A value of the configuration outside its declaration is a line that names its key."""
    for value in invalid_values(SETTINGS[key]):
        if SETTINGS[key].numeric and not isinstance(value, str | bool | list | dict | None):
            continue
        with pytest.raises(UserError) as error:
            check_resolved(_with(plain, key, value))
        assert_one_line(error, key)


@pytest.mark.parametrize("key", SETTINGS)
def test_setting_at_the_ends_of_its_range_passes(plain: dict[str, Any], key: str) -> None:
    """A value at either end of its declared range is taken."""
    room = {**plain, "batch_size": 2**31} if key == "gradient_accumulation" else plain
    for value in valid_ends(SETTINGS[key]):
        check_resolved(_with(room, key, value))


def test_more_pieces_than_images_of_a_batch_are_refused(plain: dict[str, Any]) -> None:
    """Before anything starts: each trial would fail of it."""
    content = {**plain, "batch_size": 8}
    check_resolved({**content, "gradient_accumulation": 8})
    with pytest.raises(UserError, match="gradient_accumulation=9: a batch has 8 images"):
        check_resolved({**content, "gradient_accumulation": 9})


@pytest.mark.parametrize("path", OPTIONS, ids=lambda p: f"{p.parent.name}={p.stem}")
def test_every_field_of_an_option_is_declared(path: Path) -> None:
    """No field of an option that comes with the package is without a type and a range."""
    node = fields_of(yaml.safe_load(path.read_text()))
    fields = target_fields(node.pop("_target_"))
    assert fields is not None
    assert set(fields.declared) == fields.names
    assert set(node) <= fields.names


@pytest.mark.parametrize(("trick", "option", "name"), FIELDS)
def test_field_out_of_range_is_refused_in_one_line(trick: str, option: str, name: str) -> None:
    """A value of a trick's field outside its declaration is a line that names its key."""
    node = yaml.safe_load((CONF / "trick" / trick / f"{option}.yaml").read_text())
    fields = target_fields(node["_target_"])
    assert fields is not None
    plain = {key: 0.1 if str(value).startswith("${") else value for key, value in node.items()}
    if trick == "pretrain":
        plain["weights"] = "upstream"
    check_node(f"tricks.{trick}", plain)
    for value in invalid_values(fields.declared[name]):
        with pytest.raises(UserError) as error:
            check_node(f"tricks.{trick}", {**plain, name: value})
        assert_one_line(error, f"tricks.{trick}.{name}")
    for value in valid_ends(fields.declared[name]):
        assert fields.declared[name].problem(name, value) is None


def test_configuration_has_the_declared_keys_and_defaults(plain: dict[str, Any]) -> None:
    """The keys, types and defaults of `config.yaml` are those of the declarations."""
    groups = {"dataset", "model", "checklist", "tricks", "runtime"}
    keys = {*plain} - groups | {f"runtime.{key}" for key in plain["runtime"]}
    assert keys == set(SETTINGS)
    raw = yaml.safe_load((CONF / "config.yaml").read_text())
    for key, declared in SETTINGS.items():
        node: Any = raw
        for part in key.split("."):
            node = node[part]
        if not str(node).startswith("${"):  # the data set's, or the environment's
            assert (node, type(node)) == (declared.default, type(declared.default)), key


WORDS = {
    "clip_grad_norm=-1": "clip_grad_norm=-1",
    "lr=-0.1": "lr=-0.1: need lr > 0",
    "adam_lr=0": "adam_lr=0: need adam_lr > 0",
    "seed=-1": "seed=-1: need 0 or more",
    "min_effect=nan": "min_effect=nan: need 0 or more, or null, and finite",
    "tricks.weight_decay.value=-1": "tricks.weight_decay.value=-1: need 0 or more",
    "tricks.shuffle.when=sometimes": "choose from every_epoch, once, never",
    "tricks.lr_regime.final=-1": "tricks.lr_regime.final=-1: need",
    "tricks.lr_regime.final=0": "trick/lr_regime=gamma_decay",
    "tricks.optimizer.momentum=0": "need not nesterov or momentum > 0",
    "epochs='${lr}'": "epochs=0.1: epochs takes a whole number",
    "lr='${nothing}'": "Interpolation key 'nothing' not found",
    "tricks.mixup.alpha='${nothing}'": "tricks.mixup.alpha=${nothing}: Interpolation key",
    "+tricks.lr_regime.power_=2": "no field 'power_'; did you mean tricks.lr_regime.power",
    "+tricks.mine.alpha=1": "takes a mapping with a _target_",
    "~seeds": "seeds is not set",
    "~runtime": "runtime.device is not set",
    "~tricks.lr_regime.cycles": "has no 'cycles' to leave out",
    "dataset.epochs=0": "epochs=0: need 1 or more",
    "dataset.upstream.epochs=0": "dataset.upstream.epochs=0: need 1 or more",
    "dataset.upstream.source.size=0": "dataset.upstream.source.size=0: need 1 or more",
    "dataset.source.test_fraction=0.8": "need val_fraction + test_fraction < 1",
    "model.build.width=-1": "model.build.width=-1: need 1 or more",
    "model.build.width=0": "model.build.width=0: need 1 or more",
    "model.build.width=1.5": "model.build.width takes a whole number",
    "model.build.width=abc": "model.build.width takes a whole number",
    "model.build.depth=7": "model.build.depth=7: need 8 or more in steps of 6, such as 8",
    "model.build.depth=17": "such as 14 or 20",
    "+model.build.num_classes=0": "model.build.num_classes=0: need 1 or more",
    "+model.build.widht=8": "no field 'widht'; did you mean model.build.width",
    "dataset.source.val_fraction=1": "dataset.source.val_fraction=1: need 0 < val_fraction < 1",
    "hydra.launcher.threads=0": "hydra.launcher.threads=0: need 1 or more",
    "tricks.cutout.of=8": "tricks.cutout.of is tricks.cutout.reference_size now",
    "tricks.random_erasing.flattest=1": "write, for example, tricks.random_erasing.ratio=",
}


@pytest.mark.parametrize("word", WORDS)
def test_override_out_of_range_stops_the_plan(word: str) -> None:
    """An override that some trial could not take is one line before anything starts."""
    with pytest.raises(UserError) as error:
        api.plan([word])
    assert_one_line(error, WORDS[word])


def _user_folder(folder: Path, option: str) -> Path:
    (folder / "conf/trick/mixup").mkdir(parents=True)
    (folder / "conf/trick/mixup/strong.yaml").write_text(f"# @package tricks.mixup\n{option}")
    (folder / "conf/checklist").mkdir()
    (folder / "conf/checklist/mine.yaml").write_text(
        "name: mine\ntricks:\n  - {name: mixup, section: s, options: ['off', strong]}\n"
    )
    return folder / "conf"


MIXUP = "_target_: darkmagic.trainers.tricks.mixup.Mixup\n"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (MIXUP + "alpha: -1\n", "tricks.mixup.alpha=-1 (trick/mixup=strong): need alpha > 0"),
        (MIXUP + "alpha: .nan\n", "tricks.mixup.alpha=nan"),
        (MIXUP + "alpha: null\n", "tricks.mixup.alpha=null"),
        (MIXUP + "alfa: 1\n", "did you mean tricks.mixup.alpha"),
        ("defaults: ['on', _self_]\nalpha: -2\n", "tricks.mixup.alpha=-2"),
        (
            "_target_: darkmagic.trainers.tricks.cutout.Cutout\npixels: 8\nof: 32\n",
            "tricks.mixup.of is tricks.mixup.reference_size now",
        ),
        (
            "_target_: darkmagic.trainers.tricks.cutout.Cutout\npixels: 80\n",
            "pixels=80, reference_size=32: need pixels <= 2 * reference_size",
        ),
        ("_target_: my_own.Mine\nside: 9\n", "tricks.mixup.side=9 (trick/mixup=strong): need"),
        ("_target_: my_own.Mine\nkind: c\n", "choose from a, b"),
    ],
)
def test_own_option_out_of_range_stops_the_plan(tmp_path: Path, option: str, message: str) -> None:
    """A value in a user's own YAML file is checked as one of the command line is."""
    (tmp_path / "my_own.py").write_text(
        "from dataclasses import dataclass\nfrom typing import Literal\n"
        "from darkmagic.trainers.fields import choice, whole\n"
        "from darkmagic.trainers.trick import Trick\n"
        "Kind = Literal['a', 'b']\nMOST = 2 * 4\n"
        "@dataclass(frozen=True)\nclass Base(Trick):\n"
        "    side: int = whole(3, at_least=1, at_most=MOST)\n"
        "@dataclass(frozen=True)\nclass Mine(Base):\n    kind: Kind = choice('a', Kind)\n"
    )
    with pytest.raises(UserError) as error:
        api.plan(["checklist=mine"], [_user_folder(tmp_path, option)])
    assert_one_line(error, message)


def test_own_trick_without_declarations_is_not_checked(tmp_path: Path) -> None:
    """A class that declares nothing takes what its own code takes."""
    (tmp_path / "my_plain.py").write_text(
        "from dataclasses import dataclass\nfrom darkmagic.trainers.trick import Trick\n"
        "@dataclass(frozen=True)\nclass Mine(Trick):\n    by: int = 3\n"
    )
    folder = _user_folder(tmp_path, "_target_: my_plain.Mine\nby: -1\nother: 2\n")
    assert len(api.plan(["checklist=mine"], [folder]).plan.trials) == 2


def test_swept_values_are_each_checked(loader: ConfigLoader) -> None:
    """Each value of a multirun is held to the range, and to the option that it goes with."""
    with pytest.raises(UserError, match="lr=-1: need lr > 0"):
        check_overrides(loader, ["lr=0.1,-1"], sweep=True)
    words = ["trick/lr_regime=one_cycle,gamma_decay", "tricks.lr_regime.final=0.5,0"]
    checked = check_overrides(loader, words, sweep=True)
    with pytest.raises(UserError, match=r"final=0 \(trick/lr_regime=gamma_decay\)"):
        check_options(loader, checked.config, checked.options, [*checked.plain, *checked.tricks])


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["checklist", "plan"], ["tricks.lr_regime.final=-1"]),
        (["checklist", "run"], ["lr=-0.1"]),
        (["checklist", "run"], ["model.build.width=-1"]),
        (["train"], ["runtime.workers=-1"]),
    ],
)
def test_command_with_a_bad_value_exits_with_2(
    tmp_path: Path, command: list[str], words: list[str]
) -> None:
    """The command line prints one line, starts nothing, writes nothing and exits with 2."""
    done = run_command(*command, *words, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {words[0]}")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_plan_imports_neither_torch_nor_another_launcher_s_packages() -> None:
    """Declarations are read from source, and Hydra's scan finds launchers that are not chosen."""
    code = """
import sys
from darkmagic.sweeps import api
api.plan([])
assert any(name.startswith("hydra_plugins.darkmagic.slurm") for name in sys.modules)
print(sorted({"torch", "submitit", "ray", "wandb", "tensorboard"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
