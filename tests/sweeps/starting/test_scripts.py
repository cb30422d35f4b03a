"""Training scripts: how they take a seed and options, by their source."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from darkmagic.sweeps.starting.scripts import compare_command, find_scripts

ARGPARSE = """
import argparse, torch
p = argparse.ArgumentParser()
p.add_argument("--lr", default=0.1, type=float)
p.add_argument("--mixup", default=0.0, type=float)
p.add_argument("--seed", default=0)
print("val_acc")
"""
HYDRA = """
import hydra
@hydra.main(config_name="x")
def main(cfg): return {"val/acc": 1}
"""
LIGHTNING = """
from lightning.pytorch.cli import LightningCLI
LightningCLI()  # logs val_loss
"""
PLAIN = "import torch\nprint('accuracy')\n"

SCRIPTS = {
    "argparse": (
        "train.py",
        ARGPARSE,
        (
            "darkmagic compare --metric val_acc --seeds 3 --change 'mixup=--mixup 0.2' "
            "--change 'lr=--lr 0.05' -- python train.py --seed {seed}"
        ),
    ),
    "hydra": (
        "src/train.py",
        HYDRA,
        (
            "darkmagic compare --metric val/acc --seeds 3 --change NAME=WORDS -- "
            "python src/train.py seed={seed} hydra.run.dir={directory}"
        ),
    ),
    "lightning": (
        "main.py",
        LIGHTNING,
        (
            "darkmagic compare --metric val_loss --seeds 3 --change NAME=WORDS "
            "--check --print_config -- python main.py fit --seed_everything {seed} "
            "--trainer.default_root_dir {directory}"
        ),
    ),
    "plain": (
        "train.py",
        PLAIN,
        "darkmagic compare --metric accuracy --seeds 3 --change NAME=WORDS -- python train.py",
    ),
}


@pytest.mark.parametrize(("name", "text", "command"), list(SCRIPTS.values()), ids=list(SCRIPTS))
def test_command_compares_changes_of_a_script(
    tmp_path: Path, name: str, text: str, command: str
) -> None:
    """With its own options, and with a seed as its kind takes one; nothing of it is run."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("raise SystemExit('run')\n" + text)
    [script] = find_scripts(tmp_path)
    found, todo = compare_command(script, tmp_path)
    assert found == command
    assert shlex.split(found)
    assert ("NAME=WORDS" in found) == any("NAME=WORDS" in line for line in todo)


@pytest.mark.parametrize("text", ["def broken(:", "print('no training here')", "\0", ""])
def test_file_that_is_no_training_script_is_left_out(tmp_path: Path, text: str) -> None:
    """A file of the name alone is none."""
    (tmp_path / "train.py").write_text(text)
    assert find_scripts(tmp_path) == []


def test_scripts_of_other_names_are_found_where_they_can_be_run(tmp_path: Path) -> None:
    """`train` is in the name, and options or a `__main__` in the file; usual names come first."""
    main = PLAIN + "if __name__ == '__main__':\n    print(1)\n"
    files = {
        "scripts/pretrain.py": main,
        "train_cifar.py": ARGPARSE,
        "main.py": PLAIN,
        "train_utils.py": PLAIN,  # a module of others
        "test_train.py": main,
        "notes.py": ARGPARSE,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = [str(script.path.relative_to(tmp_path)) for script in find_scripts(tmp_path)]
    assert found == ["main.py", "train_cifar.py", "scripts/pretrain.py"]
