"""Every declared value of the configuration, out of its range in every way and at its ends."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.config_loader import ConfigLoader
from hydra.utils import get_object

from commanding import run_command
from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api, conf
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.compose.checks.options import check_options
from darkmagic.sweeps.compose.checks.values import check_node, check_resolved
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.settings import settings
from darkmagic.trainers.declare.kinds import Declared, Kind
from darkmagic.trainers.fields import declared_arguments, declared_fields

CONF = Path(str(conf.__file__)).parent
OPTIONS = sorted(CONF.glob("trick/*/*.yaml"))
SETTINGS = {key: d for key, d in settings() if not key.startswith("hydra.")}
FIELDS = [
    (path.parent.name, path.stem, name)
    for path in OPTIONS
    for name in yaml.safe_load(path.read_text())
    if name != "_target_"
]
TARGETS = {
    node["_target_"]: {key: value for key, value in node.items() if not key.startswith("_")}
    for path in sorted(CONF.glob("model/*.yaml")) + sorted(CONF.glob("dataset/*.yaml"))
    for content in [yaml.safe_load(path.read_text())]
    for node in [content.get("build") or content["source"]]
    if node["_target_"] != "???"
}
"""The fields of each class or function that a model or a data set of the package names."""
ARGUMENTS = [
    (target, name) for target in TARGETS for name in getattr(target_fields(target), "declared", ())
]


def _bad(declared: Declared) -> Iterator[Any]:
    """Yield values below, above, not finite, of a wrong type, and null."""
    if not declared.null:
        yield None
    yield {"a": 1}
    yield [[1]]
    if declared.kind is Kind.CHOICE:
        yield from ("sometimes", 3, True)
    elif declared.kind is Kind.TEXT:
        yield from ("", True)
    elif declared.kind is Kind.FLAG:
        yield from (1, "yes", 0.5)
    else:
        yield from ("fast", True)
        if declared.kind is Kind.PAIR:
            yield from ([1], [1, 0.5], 0.5, *([v, v] for v in _outside(declared)))
        elif declared.kind is Kind.NUMBERS:
            yield from (0.5, *([v] for v in _outside(declared)))
        else:
            yield from _outside(declared)
            yield from [0.5] if declared.kind in (Kind.WHOLE, Kind.SIZE) else []
            yield from ([8], [8, 0], [8, 8, 8], [8, "a"]) if declared.kind is Kind.SIZE else []


def _outside(declared: Declared) -> Iterator[float]:
    yield from (math.nan, math.inf, -math.inf)
    for bound in (declared.above, declared.below):
        if bound is not None:
            yield bound
    if declared.at_least is not None:
        yield declared.at_least - 1
    if declared.above is not None:
        yield declared.above - 1
    for bound in (declared.at_most, declared.below):
        if bound is not None:
            yield bound + 1
    if declared.step is not None:
        yield from ((declared.at_least or 0) + each for each in range(1, declared.step))


def _good(declared: Declared) -> Iterator[Any]:
    """Yield the ends of the range, each as near as it is taken."""
    if declared.null:
        yield None
    if declared.kind in (Kind.CHOICE, Kind.FLAG, Kind.TEXT):
        yield from declared.words or ([True, False] if declared.kind is Kind.FLAG else [])
        return
    low, high = declared.at_least, declared.at_most
    whole = declared.kind in (Kind.WHOLE, Kind.SIZE)
    if declared.above is not None:
        low = math.nextafter(declared.above, math.inf)
    if declared.below is not None:
        high = math.nextafter(declared.below, -math.inf)
    ends = [int(end) if whole else end for end in (low, high) if end is not None]
    if declared.kind is Kind.PAIR:
        yield from ([end, end] for end in ends)
    elif declared.kind is Kind.NUMBERS:
        yield from ([end] for end in ends)
    else:
        yield from ends
        yield from [[ends[0], 8]] if declared.kind is Kind.SIZE else []
        yield from [ends[0] + 2 * declared.step] if declared.step is not None else []


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


def _one_line(error: pytest.ExceptionInfo[UserError], key: str) -> None:
    assert "\n" not in str(error.value)
    assert key in str(error.value)


@pytest.mark.parametrize("key", SETTINGS)
def test_setting_out_of_range_is_refused_in_one_line(plain: dict[str, Any], key: str) -> None:
    """A value of the configuration outside its declaration is a line that names its key."""
    for value in _bad(SETTINGS[key]):
        if SETTINGS[key].numeric and not isinstance(value, str | bool | list | dict | None):
            continue
        with pytest.raises(UserError) as error:
            check_resolved(_with(plain, key, value))
        _one_line(error, key)


@pytest.mark.parametrize("key", SETTINGS)
def test_setting_at_the_ends_of_its_range_passes(plain: dict[str, Any], key: str) -> None:
    """A value at either end of its declared range is taken."""
    for value in _good(SETTINGS[key]):
        check_resolved(_with(plain, key, value))


@pytest.mark.parametrize("path", OPTIONS, ids=lambda p: f"{p.parent.name}={p.stem}")
def test_every_field_of_an_option_is_declared(path: Path) -> None:
    """No field of an option that comes with the package is without a type and a range."""
    node = yaml.safe_load(path.read_text())
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
    for value in _bad(fields.declared[name]):
        with pytest.raises(UserError) as error:
            check_node(f"tricks.{trick}", {**plain, name: value})
        _one_line(error, f"tricks.{trick}.{name}")
    for value in _good(fields.declared[name]):
        assert fields.declared[name].problem(name, value) is None


@pytest.mark.parametrize("target", TARGETS)
def test_every_number_of_models_and_data_sets_is_declared(target: str) -> None:
    """Each configured field of a bundled model or data set has a type and a range."""
    fields = target_fields(target)
    assert fields is not None
    assert set(TARGETS[target]) <= set(fields.declared)
    assert fields.names - set(fields.declared) <= {"image_size"}


def _valid(target: str) -> dict[str, Any]:
    given = {"root": "photos", "name": "resnet18", "num_classes": 10, "image_size": [32, 32]}
    content = {name: None if v == "${runtime.cache}" else v for name, v in TARGETS[target].items()}
    missing = {name for name, value in content.items() if value == "???"}
    required = set(signature(get_object(target)).parameters) & {"num_classes", "image_size"}
    return {**content, **{name: given[name] for name in missing | required}}


@pytest.mark.parametrize(("target", "name"), ARGUMENTS)
def test_model_or_data_set_out_of_range_is_refused_in_one_line(target: str, name: str) -> None:
    """A value outside its declaration is refused by the checks of overrides and by Python."""
    fields, valid = target_fields(target), _valid(target)
    assert fields is not None
    check_node("model.build", {"_target_": target, "_partial_": True, **valid})
    for value in _bad(fields.declared[name]):
        content = {"_target_": target, "_partial_": True, **valid, name: value}
        with pytest.raises(UserError) as error:
            check_node("model.build", content)
        _one_line(error, f"model.build.{name}")
        with pytest.raises(ValueError, match=f"^{name}=") as refused:
            get_object(target)(**{**valid, name: value})
        assert "\n" not in str(refused.value)
    for value in _good(fields.declared[name]):
        assert fields.declared[name].problem(name, value) is None


@pytest.mark.parametrize("target", TARGETS)
def test_source_of_model_or_data_set_declares_what_python_checks(target: str) -> None:
    """Declarations read from source, without an import, are those of the imported object."""
    fields, found = target_fields(target), get_object(target)
    assert fields is not None
    if dataclasses.is_dataclass(found):
        assert fields.declared == declared_fields(found)
        assert fields.constraints == getattr(found, "constraints", ())
    else:
        function = found.__init__ if inspect.isclass(found) else found
        assert fields.declared == declared_arguments(function)


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


FOLDER = ["dataset=folder", "dataset.source.root=photos"]
WORDS = {
    "clip_grad_norm=-1": "clip_grad_norm=-1",
    "lr=-0.1": "lr=-0.1: need lr > 0",
    "adam_lr=0": "adam_lr=0: need adam_lr > 0",
    "seed=-1": "seed=-1: need 0 or more",
    "min_effect=nan": "min_effect=nan: need 0 or more, and finite",
    "tricks.weight_decay.value=-1": "tricks.weight_decay.value=-1: need 0 or more",
    "tricks.shuffle.when=sometimes": "choose from every_epoch, once, never",
    "tricks.lr_regime.final=-1": "tricks.lr_regime.final=-1: need",
    "tricks.lr_regime.final=0": "trick/lr_regime=gamma_decay",
    "tricks.optimizer.momentum=0": "need not nesterov or momentum > 0",
    "epochs='${lr}'": "epochs=0.1: epochs takes a whole number",
    "lr='${nothing}'": "Interpolation key 'nothing' not found",
    "tricks.mixup.alpha='${nothing}'": "tricks.mixup.alpha: Interpolation key",
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
    _one_line(error, WORDS[word])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset=tiny", "dataset.source.size=0"], "dataset.source.size=0: need 1 or more"),
        (["dataset=tiny", "dataset.source.size=-3"], "dataset.source.size=-3: need 1 or more"),
        (["dataset=folder", "dataset.source.root=''"], "dataset.source.root='': need text"),
        ([*FOLDER, "dataset.source.size=0"], "dataset.source.size=0: need a whole number or"),
        ([*FOLDER, "dataset.source.size=[8,0]"], "dataset.source.size=[8, 0]: need"),
        ([*FOLDER, "dataset.source.size=8.5"], "size takes a whole number, or [height, width]"),
        ([*FOLDER, "dataset.source.channels=2"], "need channels == 1 or channels == 3"),
        (["dataset=cifar10", "dataset.source.name=CIFAR"], "choose from CIFAR10, CIFAR100"),
        (["model=resnet18", "model.build.name=''"], "model.build.name='': need text"),
        (["model=torchvision", "model.build.name=3"], "model.build.name=3: name takes text"),
    ],
)
def test_option_with_a_field_out_of_range_stops_the_plan(
    overrides: list[str], message: str
) -> None:
    """A field that another model or data set declares is checked once that one is chosen."""
    with pytest.raises(UserError) as error:
        api.plan(overrides)
    _one_line(error, message)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.build.depth=14", "model.build.width=1"],
        [*FOLDER, "dataset.source.size=[8,12]", "dataset.source.channels=1"],
        ["model=timm", "model.build.name=resnet26d", "+model.build.drop_rate=0.1"],
        ["model.build._target_=my_own.Net", "model.build.depth=7"],
        ["model=own", "model.build._target_=my_own.Net", "+model.build.width=-1"],
        ["model=own", "model.build._target_=my_own.build", "+model.build.width=-1"],
        ["model=own", "model.build._target_=not_here.build", "+model.build.width=-1"],
    ],
)
def test_fields_in_range_and_undeclared_ones_pass(overrides: list[str], tmp_path: Path) -> None:
    """Values at their ends, of builders that take more, and of a user's own code pass."""
    (tmp_path / "my_own.py").write_text(
        "class Net:\n    def __init__(self, depth=1, width: int = 2): ...\n"
        "def build(width: int, num_classes=10): ...\n"
    )
    assert api.plan(overrides).plan.trials


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("build", "+model.build.width=0", "model.build.width=0: need 1 or more"),
        ("build", "+model.build.rate=1", "model.build.rate=1: need 0 <= rate < 1"),
        ("build", "+model.build.rate=null", ""),
        ("build", "+model.build.other=1", "build has no field 'other'"),
        ("Net", "+model.build.width=0", "model.build.width=0: need 1 or more"),
        ("Deeper", "+model.build.width=0", "model.build.width=0: need 1 or more"),
        ("Other", "+model.build.width=0", ""),
    ],
)
def test_own_model_with_declared_arguments_is_checked(
    tmp_path: Path, name: str, override: str, message: str
) -> None:
    """A user's function or class that declares its arguments is checked as ours are."""
    (tmp_path / "my_model.py").write_text(
        "from typing import Annotated\nimport torch.nn as nn\n"
        "from darkmagic.trainers.fields import number, whole\n"
        "LEAST = 1\nWidth = Annotated[int, whole(at_least=LEAST)]\n"
        "def build(width: Width = 4, *, num_classes: int,\n"
        "          rate: Annotated[float | None, number(at_least=0, below=1)] = None): ...\n"
        "class Net(nn.Module):\n    def __init__(self, width: Width = 4): ...\n"
        "class Deeper(Net):\n    depth: int = 3\n"
        "class Other(Net):\n    def __init__(self, width): ...\n"
    )
    overrides = ["model=own", f"model.build._target_=my_model.{name}", override]
    if not message:
        assert api.plan(overrides).plan.trials
        return
    with pytest.raises(UserError) as error:
        api.plan(overrides)
    _one_line(error, message)


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
    _one_line(error, message)


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
    for override, message in {
        "model.build.depth=8,9": "model.build.depth=9: need 8 or more",
        "+model.build.num_classes=2,0": "model.build.num_classes=0: need 1 or more",
        "dataset.source.val_fraction=0.1,1": "val_fraction=1: need 0 < val_fraction < 1",
        "dataset.upstream.epochs=1,0": "dataset.upstream.epochs=0: need 1 or more",
    }.items():
        with pytest.raises(UserError, match=re.escape(message)):
            check_overrides(loader, [override], sweep=True)
    own = ["model.build._target_=my_own.A,my_own.B", "model.build.depth=7,8"]
    assert check_overrides(loader, own, sweep=True).plain == tuple(own)
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


def test_plan_imports_no_torch() -> None:
    """Declarations are read from source: a plan is checked in a process without torch."""
    code = (
        "import sys; from darkmagic.sweeps import api; api.plan([]); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
