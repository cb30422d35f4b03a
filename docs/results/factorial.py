r"""Write the runs of every combination of some tricks as a table: options, seed, accuracy.

    darkmagic checklist run -n factorial --skip-preflight epochs=10 seeds=2 \
        design=screen runs=384 "checklist.tricks=[...]"
    python docs/results/factorial.py sqlite:///runs/mlflow.db factorial \
        docs/results/digits_factorial.csv

The tricks and options of the committed table are its columns and what stands in them, the
baseline's option first. `tests/checklist/tuning/worlds.py` reads it.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import mlflow

from darkmagic.sweeps.track.schema.tags import CHOICES, KIND, OPTION, SEED, STATUS, TRICK

OPTIONS = {
    "lr_regime": ("cosine_power_cycles", "gamma_decay", "cosine"),
    "optimizer": ("sgd_nesterov", "adam"),
    "augmentation": ("autoaugment", "standard"),
    "weight_decay": ("generic", "higher"),
    "label_smoothing": ("0.1", "0.0"),
    "mixup": ("off", "on"),
    "squeeze_excite": ("on", "off"),
}


def main() -> None:
    """Read the store and write the table, in order of the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", help="MLflow's tracking URI")
    parser.add_argument("experiment")
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    mlflow.set_tracking_uri(arguments.store)
    runs = mlflow.search_runs(
        experiment_names=[arguments.experiment],
        filter_string=f"tags.`{KIND}` = 'trial' and tags.`{STATUS}` = 'finished'",
        output_format="list",
        max_results=10_000,
    )
    table = []
    for run in runs:
        tags = run.data.tags
        alone = {tags[TRICK]: tags[OPTION]}  # of a row of one option
        chosen = json.loads(tags.get(CHOICES, json.dumps(alone)))
        places = [options.index(chosen.get(n, options[0])) for n, options in OPTIONS.items()]
        table.append((places, int(tags[SEED]), run.data.metrics["val_accuracy"]))
    with arguments.file.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*OPTIONS, "seed", "accuracy"])
        for places, seed, accuracy in sorted(table):
            options = [o[place] for o, place in zip(OPTIONS.values(), places, strict=True)]
            writer.writerow([*options, seed, f"{accuracy:.6f}"])


if __name__ == "__main__":
    main()
