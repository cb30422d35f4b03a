"""Fields of models and data sets, out of their range in every way and at its ends."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.utils import get_object

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api, conf
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.compose.checks.values import check_node
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.session import hydra_session
from darkmagic.trainers.fields import declared_arguments, declared_fields
from ranges import assert_one_line, invalid_values, valid_ends

CONF = Path(str(conf.__file__)).parent
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
OBJECTS = {"train", "val", "test"}
"""Fields that are data sets of the user's, with a `_target_` of their own."""
UNSET = ("???", {"_target_": "???"})
FOLDER = ["dataset=folder", "dataset.source.root=photos"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_number_of_models_and_data_sets_is_declared(target: str) -> None:
    """Each configured field of a bundled model or data set has a type and a range."""
    fields = target_fields(target)
    assert fields is not None
    assert set(TARGETS[target]) - OBJECTS <= set(fields.declared)
    assert fields.names - set(fields.declared) <= {"image_size", *OBJECTS}


def _valid(target: str) -> dict[str, Any]:
    given: dict[str, Any] = {"root": "photos", "file": "labels.csv", "path": "photos"}
    given |= {"name": "resnet18", "num_classes": 10, "image_size": [32, 32]}
    declared = getattr(target_fields(target), "declared", {})
    given["train"] = "photos" if "train" in declared else [(0, 1)]  # or a data set of the user's
    elsewhere: dict[str, Any] = {"${runtime.cache}": None, "${model.stem}": "auto"}
    content = {name: elsewhere.get(str(v), v) for name, v in TARGETS[target].items()}
    missing = {name for name, value in content.items() if value in UNSET}
    required = set(inspect.signature(get_object(target)).parameters) & {"num_classes", "image_size"}
    return {**content, **{name: given[name] for name in missing | required}}


@pytest.mark.parametrize(("target", "name"), ARGUMENTS)
def test_model_or_data_set_out_of_range_is_refused_in_one_line(target: str, name: str) -> None:
    """A value outside its declaration is refused by the checks of overrides and by Python."""
    fields, valid = target_fields(target), _valid(target)
    assert fields is not None
    check_node("model.build", {"_target_": target, "_partial_": True, **valid})
    for value in invalid_values(fields.declared[name]):
        content = {"_target_": target, "_partial_": True, **valid, name: value}
        with pytest.raises(UserError) as error:
            check_node("model.build", content)
        assert_one_line(error, f"model.build.{name}")
        with pytest.raises(ValueError, match=f"^{name}=") as refused:
            get_object(target)(**{**valid, name: value})
        assert "\n" not in str(refused.value)
    for value in valid_ends(fields.declared[name]):
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
    assert_one_line(error, message)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.build.depth=14", "model.build.width=1"],
        [*FOLDER, "dataset.source.size=[8,12]", "dataset.source.channels=1"],
        ["model=timm", "model.build.name=resnet26d", "+model.build.drop_rate=0.1"],
        ["model.build._target_=my_own.Net", "model.build.depth=7"],
        ["model=own", "model.build._target_=my_own.Net", "+model.build.width=-1"],
        ["model=own", "model.build._target_=my_own.build", "+model.build.width=-1"],
        ["model=own", "model.build._target_=math.sqrt", "+model.build.width=-1"],
    ],
)
def test_fields_in_range_and_undeclared_ones_pass(overrides: list[str], tmp_path: Path) -> None:
    """Values at their ends, of builders that take more, and of a user's own code pass."""
    (tmp_path / "my_own.py").write_text(
        "class Net:\n    constraints: dict = {}\n"
        "    def __init__(self, depth=1, width: int = 2): ...\n"
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
    assert_one_line(error, message)


def test_swept_values_of_models_and_data_sets_are_each_checked() -> None:
    """Each value of a multirun is checked, unless what takes the values is swept as well."""
    with hydra_session() as hydra:
        loader = hydra.config_loader
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
