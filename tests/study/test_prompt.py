"""A study line by line, as at the prompt of `python -i`, of data that its lines make."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LINES = """
import darkmagic as dm
import torch
from torch.utils.data import Dataset
from darkmagic.trainers.data import Shapes

class Photos(Dataset):
    def __init__(self, count):
        self.count = count
    def __len__(self):
        return self.count
    def __getitem__(self, index):
        image = torch.full((1, 8, 8), 60 * (index % 3) + 20, dtype=torch.uint8)
        return image + torch.randint(0, 30, (1, 8, 8), dtype=torch.uint8), index % 3

class MyData:
    def load(self, split_seed):
        return Shapes(120, 8, 1).load(split_seed)

tricks = {"mixup": ["off", "on"]}
words = {"epochs": 1, "batch_size": 16, "devices": "cpu"}
study = dm.checklist("mine", model="resnet8", data=lambda: DATA, tricks=tricks, **words)
study.plan()
_ = study.run()
study
study.to_frame().loc["mixup=on", "runs"]
"""


@pytest.mark.weekly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("data", ["Photos(150)", "MyData()"])
def test_study_at_the_prompt_checks_trains_and_shows_itself(tmp_path: Path, data: str) -> None:
    """A torch Dataset, and a class with a `load`: both pass the checks, train, and have rows."""
    done = subprocess.run(
        [sys.executable, "-i"],
        input=LINES.replace("DATA", data),
        cwd=tmp_path,
        env={**os.environ, "DARKMAGIC_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert "[2/2]" in done.stderr
    assert "not tested" in done.stdout.partition("val %")[2]
