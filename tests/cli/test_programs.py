"""Ready-made trainers around the real programs, on images that are made here.

Weekly, as each trial imports and trains. Nothing is downloaded: a test whose program is not there
is skipped with the variable that names it.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from programs import checklist, make_programs, sweep

pytestmark = [pytest.mark.weekly, pytest.mark.timeout(3600)]
REPO = Path(__file__).parents[2]
OURS = Path(sys.executable).parent


def _wanted(variable: str, what: str) -> Path:
    """Return the path in a variable of the environment; skip the test where it has none."""
    if not (found := os.environ.get(variable)):
        pytest.skip(f"{variable} names no {what} (CONTRIBUTING.md says how to get it)")
    return Path(found).absolute()


def _square(
    rng: np.random.Generator, size: int, box: tuple[int, int, int], label: int
) -> Image.Image:
    """Return noise with a square in it, at x and y and so wide, of the colour of its class."""
    pixels = rng.integers(0, 80, (size, size, 3))
    x, y, width = box
    pixels[y : y + width, x : x + width, label % 3] = 240
    return Image.fromarray(pixels.astype(np.uint8))


def _make_classes(folder: Path, size: int) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for label in range(6):
            (folder / split / str(label)).mkdir(parents=True)
            for number in range(4):
                image = _square(rng, size, (label, 4, size // 2), label)
                image.save(folder / split / str(label) / f"{number}.png")


def _make_boxes(folder: Path) -> Path:
    """Make images of squares with the file of labels that `yolo` reads, and return its path."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for number in range(8):
            x, y = (int(place) for place in rng.integers(0, 32, 2))
            image = _square(rng, 64, (x, y, 28), number % 2)
            image.save(folder / "images" / split / f"{number}.png")
            box = f"{number % 2} {(x + 14) / 64} {(y + 14) / 64} {28 / 64} {28 / 64}\n"
            (folder / "labels" / split / f"{number}.txt").write_text(box)
    text = f"path: {folder}\ntrain: images/train\nval: images/val\nnames: {{0: red, 1: green}}\n"
    (folder / "boxes.yaml").write_text(text)
    return folder / "boxes.yaml"


@pytest.mark.parametrize("task", ["detect", "classify"])
def test_yolo_trains_each_option(tmp_path: Path, task: str) -> None:
    """A network from its YAML, one epoch: its results.csv has the metric of either task."""
    programs = _wanted("DARKMAGIC_TEST_YOLO", "environment with ultralytics") / "bin"
    if task == "detect":
        data, model = _make_boxes(tmp_path / "boxes"), "yolo11n.yaml"
        options = {"optimizer": ["sgd_nesterov", "adamw"], "mosaic": ["on", "off"]}
        metric: list[str] = []
    else:
        _make_classes(tmp_path / "images", 32)
        data, model = tmp_path / "images", "yolo11n-cls.yaml"
        options = {"lr_regime": ["linear", "cosine"], "augmentation": ["randaugment", "none"]}
        metric = ["trainer.metric=metrics/accuracy_top1"]
    words = f"[{task}, train, model={model}, data={data}, epochs=1, imgsz=64, batch=4, workers=0]"
    found = sweep(
        tmp_path,
        programs,
        "trainer=ultralytics",
        f"trainer.args={words}",
        checklist(**options),
        *metric,
        YOLO_OFFLINE="true",
        YOLO_CONFIG_DIR=str(tmp_path / "settings"),
    )
    assert len(found) == 3
    assert all(0 <= value <= 1 for value in found.values())


def _make_mnist(folder: Path, count: int) -> None:
    """Make files as MNIST's: what is there is not downloaded."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part in ("train", "t10k"):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 40, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 4, 6:20] += 180
        head = struct.pack(">IIII", 2051, count, 28, 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = struct.pack(">II", 2049, count)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())


def test_hydra_template_trains_each_option(tmp_path: Path) -> None:
    """The folders of trials reach Hydra as one value, also below one with an equals sign."""
    template = _wanted("DARKMAGIC_TEST_HYDRA_TEMPLATE", "clone of ashleve/lightning-hydra-template")
    packages = ["lightning", "hydra-core==1.3.2", "hydra-colorlog", "rootutils", "rich"]
    programs = make_programs(
        tmp_path / "others", [*packages, "torchvision"], "DARKMAGIC_TEST_HYDRA_ENV"
    )
    place = tmp_path / "a=b"
    place.mkdir()
    _make_mnist(tmp_path / "data" / "MNIST" / "raw", 300)
    split = "data.train_val_test_split=[400,100,100]"
    found = sweep(
        place,
        programs,
        "trainer=lightning_hydra_template",
        f"trainer.script={template}/src/train.py",
        f"trainer.args=[trainer.max_epochs=2, data.data_dir={tmp_path}/data, {split}]",
        checklist(optimizer=["own", "sgd_nesterov"], gradient_clipping=["off", "on"]),
    )
    assert len(found) == 3
    assert all(value > 0.2 for value in found.values())


SIZES = ["--train-crop-size", "32", "--val-crop-size", "32", "--val-resize-size", "40"]
RESNET = ["--data-path", "images", "--model", "resnet18", "--epochs", "1", "-b", "8", "-j", "0"]


def _torchvision() -> Path:
    clone = _wanted("DARKMAGIC_TEST_TORCHVISION", "clone of pytorch/vision")
    return clone / "references/classification/train.py"


def test_torchvision_script_trains_two_options(tmp_path: Path) -> None:
    """Of `references/classification` as it is cloned, with the torchvision that we have."""
    script = _torchvision()
    _make_classes(tmp_path / "images", 40)
    found = sweep(
        tmp_path,
        OURS,
        "trainer=torchvision",
        f"trainer.script={script}",
        f"trainer.args={' '.join([*RESNET, *SIZES])}",
        checklist(optimizer=["sgd_nesterov", "adamw"], mixup=["off", "on"]),
    )
    assert len(found) == 3
    assert all(0 <= value <= 100 for value in found.values())


EACH = """
import json, sys, torch, train
torch.set_num_threads(1)
for name, words in json.load(sys.stdin).items():
    print("OPTION", name, flush=True)
    train.main(train.get_args_parser().parse_args(words))
"""


def test_torchvision_script_takes_every_option(tmp_path: Path) -> None:
    """Each option of the mapping trains an epoch, and its metric is read from what is printed."""
    script = _torchvision()
    mapping = yaml.safe_load((REPO / "sweeps/conf/trainer/torchvision.yaml").read_text())
    _make_classes(tmp_path / "images", 40)
    own = [*RESNET, *SIZES, "--device", "cpu", "--output-dir", "out"]
    words = {
        f"{trick}={option}": [*own, *words]
        for trick, options in mapping["tricks"].items()
        for option, words in options.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", EACH],
        input=json.dumps(words),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(script.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    _, *parts = done.stdout.split("OPTION ")
    assert [part.split("\n")[0] for part in parts] == list(words)
    for part in parts:
        (value,) = re.findall(mapping["pattern"], part)
        assert 0 <= float(value) <= 100, part
