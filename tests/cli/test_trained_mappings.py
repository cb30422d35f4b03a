"""The ready-made trainers `huggingface` and `lightning_cli` around the real packages, offline.

Weekly: each installs into an environment of its own, makes a tiny network and data, and trains.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from programs import checklist, make_programs, sweep

pytestmark = [pytest.mark.weekly, pytest.mark.timeout(3600)]
HUGGING_FACE = """
import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification
from transformers import HfArgumentParser, Trainer, TrainingArguments, set_seed

class Sentences(Dataset):
    def __init__(self, seed):
        draw = torch.Generator().manual_seed(seed)
        self.words = torch.randint(2, 20, (96, 8), generator=draw)
        self.labels = torch.randint(0, 2, (96,), generator=draw)
        self.words[:, 0] = self.labels
    def __len__(self):
        return len(self.labels)
    def __getitem__(self, index):
        return {"input_ids": self.words[index], "labels": self.labels[index]}

def accuracy(predicted):
    return {"accuracy": float((predicted.predictions.argmax(1) == predicted.label_ids).mean())}

(args,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses()
set_seed(args.seed)
config = BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=32, max_position_embeddings=16)
model = BertForSequenceClassification(config)
Trainer(model, args, train_dataset=Sentences(0), eval_dataset=Sentences(1),
        compute_metrics=accuracy).train()
"""
LIGHTNING = (Path(__file__).parents[2] / "docs/tutorials/lightning.md").read_text()


def test_hugging_face_trainer_trains_each_option(tmp_path: Path) -> None:
    """Its metric is what `Trainer` prints and logs of each evaluation."""
    programs = make_programs(
        tmp_path / "others", ["transformers", "accelerate"], "DARKMAGIC_TEST_TRANSFORMERS"
    )
    (tmp_path / "train.py").write_text(HUGGING_FACE)
    words = "--num_train_epochs 2 --per_device_train_batch_size 16 --use_cpu --save_strategy no"
    found = sweep(
        tmp_path,
        programs,
        "trainer=huggingface",
        f"trainer.args={words}",
        checklist(optimizer=["adamw", "sgd_momentum"], lr_regime=["linear", "cosine"]),
        HF_HUB_OFFLINE="1",
    )
    assert len(found) == 3
    assert all(0 <= value <= 1 for value in found.values())


def test_lightning_cli_trains_each_option(tmp_path: Path) -> None:
    """The project of the tutorial: its metric is in the files of Lightning's own logger."""
    programs = make_programs(tmp_path / "others")
    (tmp_path / "main.py").write_text(LIGHTNING.partition('title="main.py"\n')[2].split("```")[0])
    words = "--trainer.max_epochs 1 --trainer.accelerator cpu"
    found = sweep(
        tmp_path,
        programs,
        "trainer=lightning_cli",
        "trainer.metric=val_acc",
        f"trainer.args={words}",
        checklist(optimizer=["own", "adam"], gradient_clipping=["off", "on"]),
    )
    assert len(found) == 3
    assert all(0.2 < value <= 1 for value in found.values())
