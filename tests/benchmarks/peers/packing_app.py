"""A Hydra application that trains the trial of a number, for Hydra's own launchers."""

from __future__ import annotations

import json
import time
from pathlib import Path

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path=None)
def train_one(config: DictConfig) -> float:
    """Train the recipe of `config.trial` by the project's trainer, in a folder of its own."""
    import yaml

    from darkmagic.sweeps.trial.run import make_recipe
    from darkmagic.trainers.outputs.event_log import EventLog
    from darkmagic.trainers.outputs.json_file import write_json
    from darkmagic.trainers.train import train

    folder = Path(config.folder)
    recipe = json.loads((folder / "recipes.json").read_text())[config.trial]
    directory = folder / f"trial{config.trial}"
    directory.mkdir()
    (directory / "config.yaml").write_text(yaml.safe_dump(recipe))
    EventLog(directory).append({"type": "start", "time": time.time()})
    result = train(make_recipe(recipe, directory), directory)
    write_json(directory / "result.json", result.as_dict())
    return float(result.val_accuracy or 0)


if __name__ == "__main__":
    train_one()
