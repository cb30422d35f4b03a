"""docs/python.md: every example runs, in the order of the page, as one script would have them."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import darkmagic as dm
from darkmagic.trainers.models import SmallResNet

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"```(\w+)(?: (\w+))?(?: ?title=\"([^\"]+)\")?\n(.*?)```", PAGE, re.DOTALL)
SCRIPT = [text for language, what, _, text in BLOCKS if language == "python" and not what]


def _files() -> None:
    for _, _, title, text in BLOCKS:
        if title:
            Path(title).write_text(text)


@pytest.mark.parametrize(
    "sweeps", [False, pytest.param(True, marks=pytest.mark.weekly)], ids=["calls", "sweeps"]
)
def test_examples_of_the_page_run_one_after_another(sweeps: bool) -> None:
    """With the names that earlier ones left; those that train a sweep once a week, as it takes
    half a minute and `test_study.py` trains one.
    """
    _files()
    names: dict[str, Any] = {"__name__": "page"}
    run = [text for text in SCRIPT if sweeps or ".run(" not in text]
    for text in run:
        exec(compile(text, "docs/python.md", "exec"), names)
    assert len(run) >= 5
    assert names["targets"].shape == (16, 10)
    assert Path("runs").is_dir() == sweeps


def test_page_names_what_there_is() -> None:
    """Each `dm.` name of the page is public."""
    for path in set(re.findall(r"\bdm((?:\.[a-zA-Z_]\w*)+)", PAGE)):
        value: Any = dm
        for part in path.strip(".").split("."):
            value = getattr(value, part)


def _example(what: str) -> str:
    (text,) = [text for _, name, _, text in BLOCKS if name == what]
    return text


@pytest.mark.weekly
@pytest.mark.filterwarnings("ignore")
def test_example_of_lightning_runs() -> None:
    """On a module as one has it, with the recipe of the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pl = pytest.importorskip("lightning.pytorch")

    class Module(pl.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = SmallResNet(depth=8, in_channels=3)

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return self.recipe.loss(self.model(batch[0]), batch[1])  # type: ignore[no-any-return]

    _files()
    data = TensorDataset(torch.rand(32, 3, 32, 32), torch.arange(32) % 10)
    names: dict[str, Any] = {
        "recipe": dm.Recipe.from_yaml("recipe.yaml"),
        "module": Module(),
        "batches": DataLoader(data, batch_size=8),
    }
    exec(compile(_example("lightning"), "docs/python.md", "exec"), names)
    assert names["callback"].loop.steps == 8


@pytest.mark.weekly
@pytest.mark.filterwarnings("ignore")
def test_example_of_transformers_runs() -> None:
    """On one of its models, with the recipe of the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers")
        pytest.importorskip("accelerate")
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=10
    )
    _files()
    names: dict[str, Any] = {
        "recipe": dm.Recipe.from_yaml("recipe.yaml"),
        "model": transformers.ResNetForImageClassification(config),
        "images": [{"pixel_values": torch.rand(3, 64, 64), "labels": i % 10} for i in range(16)],
    }
    exec(compile(_example("transformers"), "docs/python.md", "exec"), names)
    assert names["callback"].loop.steps == 4
