"""Flags of the ready-made trainers, each held against the parser of the package that has it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from programs import make_programs

FOLDER = Path(__file__).parents[3] / "sweeps" / "conf" / "trainer"
PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()


def _mapping(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()))


def _options(name: str) -> list[tuple[str, list[str]]]:
    """Return the words of each option, and those that every trial has."""
    mapping = _mapping(name)
    own = [str(word) for word in mapping["command"][2:]]
    words = {
        f"{trick}={option}": words
        for trick, options in mapping["tricks"].items()
        for option, words in options.items()
    }
    words["resume"] = mapping["resume"]
    return [(name, [*own, *map(str, more)]) for name, more in words.items()]


def _filled(words: list[str], folder: Path) -> list[str]:
    return [word.replace("{directory}", str(folder)).replace("{seed}", "7") for word in words]


@pytest.mark.weekly
@pytest.mark.parametrize(("option", "words"), _options("huggingface"))
def test_training_arguments_take_every_option(
    tmp_path: Path, option: str, words: list[str]
) -> None:
    """`HfArgumentParser` reads the words, and each flag of the option changes what it names."""
    transformers = pytest.importorskip("transformers")
    parser = transformers.HfArgumentParser(transformers.TrainingArguments)
    (found,) = parser.parse_args_into_dataclasses(args=_filled(words, tmp_path))
    assert (found.seed, found.output_dir) == (7, str(tmp_path)), option
    assert found.eval_strategy == "epoch"
    flags = dict(zip(words[::2], words[1::2], strict=True))
    for flag, value in flags.items():
        known = getattr(found, flag.removeprefix("--"))
        if flag not in ("--seed", "--output_dir", "--report_to", "--resume_from_checkpoint"):
            shown = getattr(known, "value", known)
            assert shown == (value if isinstance(shown, str) else pytest.approx(float(value)))
    if option == "lr_warmup=on":
        assert found.get_warmup_steps(1000) == 100  # a share of all steps


MAIN = """
import torch
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.demos.boring_classes import BoringDataModule, BoringModel

class Net(BoringModel):
    def training_step(self, batch, batch_idx):
        return super().training_step(batch, batch_idx)

if __name__ == "__main__":
    LightningCLI(Net, BoringDataModule)
"""
RUN = """
import json, runpy, sys
for words in json.load(sys.stdin):
    sys.argv = ["main.py", *words]
    try:
        runpy.run_path("main.py", run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code or 0
    print("ENDED", code, flush=True)
"""


@pytest.mark.weekly
def test_lightning_cli_takes_every_option(tmp_path: Path) -> None:
    """With `--print_config` each option's words are in the configuration that Lightning reads."""
    python = make_programs(tmp_path / "others") / "python"
    (tmp_path / "main.py").write_text(MAIN)
    names, asked = zip(*_options("lightning_cli"), strict=True)
    wrong = ["fit", "--trainer.gradient_clip_value", "1.0"]  # that a wrong one is found at all
    lines = [_filled(words, tmp_path) for words in asked] + [wrong]
    done = subprocess.run(
        [str(python), "-c", RUN],
        input=json.dumps([[*words, "--print_config"] for words in lines]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    *printed, rest = re.split(r"ENDED (?=\d+)", done.stdout)
    codes = [part.partition("\n")[0] for part in [*printed[1:], rest]]
    assert codes == ["0"] * len(names) + ["2"], done.stderr[-3000:]
    for name, words, part in zip(names, lines, printed, strict=False):
        config = yaml.safe_load(part.partition("\n")[2] if part[:1].isdigit() else part)
        assert config["seed_everything"] == 7
        for flag, value in zip(words[1::2], words[2::2], strict=True):
            key = flag.removeprefix("--")
            if key in ("seed_everything", "optimizer"):
                continue
            found = config
            for part_of in key.replace("optimizer.", "optimizer.init_args.").split("."):
                found = found[part_of]
            assert str(found).lower() == value.lower() or float(found) == float(value), name


YOLO = """
import json, sys
from ultralytics.cfg import DEFAULT_CFG_DICT, get_cfg, parse_key_value_pair
from ultralytics.cfg import check_dict_alignment
parsed = {}
for name, words in json.load(sys.stdin).items():
    given = dict(parse_key_value_pair(word) for word in words)
    check_dict_alignment(DEFAULT_CFG_DICT, given)
    parsed[name] = vars(get_cfg(overrides=given))
print("PARSED", json.dumps([DEFAULT_CFG_DICT, parsed], default=str))
"""


@pytest.mark.weekly
def test_yolo_takes_every_option() -> None:
    """Its own parser gives what the words say, and the first option of each trick is its default.

    The optimizer is the exception: its default picks one, and the learning rate with it.
    """
    if not (place := os.environ.get("DARKMAGIC_TEST_YOLO")):
        pytest.skip("DARKMAGIC_TEST_YOLO names no environment (CONTRIBUTING.md says how to get it)")
    mapping = _mapping("ultralytics")
    options = {
        (trick, option): [str(word) for word in words]
        for trick, choices in mapping["tricks"].items()
        for option, words in choices.items()
    }
    done = subprocess.run(
        [str(Path(place) / "bin/python"), "-c", YOLO],
        input=json.dumps({" ".join(name): words for name, words in options.items()}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    defaults, parsed = json.loads(done.stdout.rpartition("PARSED ")[2])
    firsts = [(trick, next(iter(choices))) for trick, choices in mapping["tricks"].items()]
    for (trick, option), words in options.items():
        for word in words:
            key, _, value = word.partition("=")
            found = parsed[f"{trick} {option}"][key]
            assert str(found).lower() == value.lower() or float(found) == float(value), word
            if (trick, option) in firsts and trick != "optimizer":
                assert found == defaults[key], word
            elif words == options[trick, option] and len(words) == 1:
                assert found != defaults[key], word


TORCHVISION = """
--data-path --model --device --batch-size --epochs --workers --opt --lr --momentum --wd
--weight-decay --norm-weight-decay --bias-weight-decay --transformer-embedding-decay
--label-smoothing --mixup-alpha --cutmix-alpha --lr-scheduler --lr-warmup-epochs
--lr-warmup-method --lr-warmup-decay --lr-step-size --lr-gamma --lr-min --print-freq --output-dir
--resume --start-epoch --cache-dataset --sync-bn --test-only --auto-augment --ra-magnitude
--augmix-severity --random-erase --amp --world-size --dist-url --model-ema --model-ema-steps
--model-ema-decay --use-deterministic-algorithms --interpolation --val-resize-size
--val-crop-size --train-crop-size --clip-grad-norm --ra-sampler --ra-reps --weights --backend
--use-v2
"""
"""The flags of references/classification/train.py at d4a1e3d66ab710981aa33f3e6e6003e4b504b56b."""
TORCHVISION_VALUES = {
    "--opt": {"sgd", "sgd_nesterov", "rmsprop", "adamw"},
    "--lr-scheduler": {"steplr", "cosineannealinglr", "exponentiallr"},
    "--lr-warmup-method": {"linear", "constant"},
    "--auto-augment": {"ra", "ta_wide", "augmix", "imagenet", "cifar10", "svhn"},
}


@pytest.mark.parametrize(("option", "words"), _options("torchvision"))
def test_torchvision_script_has_every_flag(option: str, words: list[str]) -> None:
    """Each flag is one that its source declares, with a value that the source compares with."""
    flags = dict(zip(words[::2], words[1::2], strict=True))
    assert set(flags) <= set(TORCHVISION.split()), option
    for flag, value in flags.items():
        if flag in TORCHVISION_VALUES:
            assert value in TORCHVISION_VALUES[flag]
        elif flag not in ("--output-dir", "--device", "--resume"):
            assert float(value) >= 0


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("Test:  Acc@1 71.250 Acc@5 90.000", "71.250"),
        ("Test: EMA Acc@1 70.000 Acc@5 90.000", None),
        ("Epoch: [0]  [10/20]  eta: 0:00:01  acc1: 50.0 (48.0)", None),
    ],
)
def test_torchvision_line_gives_the_accuracy_of_the_weights(line: str, value: str | None) -> None:
    """The line that `evaluate` prints of the weights counts; that of their average does not."""
    found = re.search(_mapping("torchvision")["pattern"], line)
    assert (found[1] if found else None) == value


def test_page_says_what_each_was_tried_on() -> None:
    """Each ready-made trainer has a row that says the version which it was tried on."""
    for path in FOLDER.glob("*.yaml"):
        if path.stem != "command":
            assert re.search(rf"\| `{path.stem}` \|.* [0-9]+\.[0-9]+", PAGE), path


PARSED = """
import json, sys, train
parsed = {}
for name, words in json.load(sys.stdin).items():
    sys.argv = ["train.py", *words]
    parsed[name] = vars(train._parse_args()[0])
print("PARSED", json.dumps(parsed, default=str))
"""


@pytest.mark.weekly
def test_timm_script_takes_every_option(tmp_path: Path) -> None:
    """Its own parser reads the words of each, and gives what they say: a flag and its value."""
    clone = os.environ.get("DARKMAGIC_TEST_TIMM")
    if not clone:
        pytest.skip("DARKMAGIC_TEST_TIMM names no clone (CONTRIBUTING.md says how to get it)")
    script = subprocess.run(
        ["git", "-C", clone, "show", "HEAD:train.py"], capture_output=True, check=True
    )
    (tmp_path / "train.py").write_bytes(script.stdout)
    mapping = _mapping("timm")
    options = {
        f"{trick}={option}": [str(word) for word in words]
        for trick, choices in mapping["tricks"].items()
        for option, words in choices.items()
    }
    assert len(options) >= 40
    own = [word.format(seed=7, directory="out", device="cpu") for word in mapping["command"][2:]]
    asked = {name: [*own, *words] for name, words in options.items()} | {"wrong": ["--mixxup", "1"]}
    for names in (options, ["wrong"]):
        done = subprocess.run(
            [sys.executable, "-c", PARSED],
            input=json.dumps({name: asked[name] for name in names}),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is (names is options), done.stderr[-2000:]
        if names is options:
            parsed = json.loads(done.stdout.rpartition("PARSED ")[2])
    for name, words in options.items():
        found = parsed[name]
        assert (found["seed"], found["output"], found["device"]) == (7, "out", "cpu")
        for flag, value in zip(words, [*words[1:], "--"], strict=False):
            if not flag.startswith("--"):
                continue
            known = found[flag.removeprefix("--").replace("-", "_")]
            if value.startswith("--"):
                assert known is True, (name, flag)
            elif isinstance(known, list):
                assert known == [float(value)], (name, flag)
            else:
                assert known == value or float(known) == float(value), (name, flag)
