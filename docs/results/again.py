"""Write the files of a committed result again from its own report, when words have changed.

    python docs/results/again.py docs/results/digits

What a report does not hold of each run stays as it is: plots of curves, ratios of costs, and the
error of other images.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from render import write_result

from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.costs import COSTS
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.planning.again import same_seeds
from darkmagic.checklist.records import Costs, Status, TrialRecord
from darkmagic.checklist.report.advice.commands import checklist_command
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.setup import Setup
from darkmagic.text import shell_line

EPOCHS, RUN_SECONDS = 20, 9.3
CHOICE = re.compile(r"^\+?(trick/\w+)='([\w.+-]+)'$")
CURVES = ("Learning curves", "Schedules as they were run")


def main() -> None:
    """Read `report.json` of a folder and write all of its files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    content = json.loads((folder / "report.json").read_text())
    if "design=screen" in content["facts"]["asked for"]:
        parser.error(f"{folder} is a screen, whose rows share runs: screen.py makes it anew")
    before = (folder / "report.html").read_text()
    write_result(_report(content), folder)
    after = (folder / "report.html").read_text()
    kept = [part for name, part in _curves(before) if name not in dict(_curves(after))]
    mark = '<section aria-labelledby="decided">'
    after = after.replace(mark, "".join(f"{part}\n\n" for part in kept) + mark)
    (folder / "report.html").write_text(after)


def _curves(page: str) -> list[tuple[str, str]]:
    """Return the heading and the whole of each section of curves in a page."""
    sections = re.findall(
        r"<section[^>]*>\s*(?:<details[^>]*><summary>)?<h2.*?</section>", page, re.DOTALL
    )
    headed = [(re.findall(r"<h2[^>]*>(.*?)</h2>", part)[0], part) for part in sections]
    return [(name, part) for name, part in headed if name in CURVES]


def _report(content: dict[str, Any]) -> Report:
    rows = content["rows"]
    options: dict[str, list[str]] = {}
    sections: dict[str, str] = {}
    baseline = _baseline_options(rows)
    for row in rows[1:]:
        options.setdefault(row["trick"], [baseline[row["trick"]]]).append(row["option"])
        sections[row["trick"]] = row["section"]
    tricks = tuple(Trick(name, sections[name], tuple(o)) for name, o in options.items())
    images = content["model"]["validation_images"]
    records = [record for row in rows for record in _records(row, images)]
    comparison = _with_kept(compare(Checklist("again", tricks), records), rows)
    cards = {
        name: importlib.import_module(f"darkmagic.trainers.tricks.{name}").__doc__ or ""
        for name in options
    }
    asked = checklist_command("run", same_seeds(comparison))
    return Report(
        title=content["title"],
        comparison=comparison,
        facts={**content["facts"], "asked for": asked},
        epochs=EPOCHS,
        run_seconds=RUN_SECONDS,
        cards=cards,
        reproduce={row["trial"]: _as_today(row["reproduce"]) for row in rows},
        setup=Setup(dataset="digits", model="resnet8", classes=10, runs=len(records)),
    )


def _as_today(command: str) -> str:
    """Write a command with no more quotes and words than one would type.

    A report of before has a choice quoted twice, and the number of seeds, which one trial has not.
    """
    words = [CHOICE.sub(r"\1=\2", word) for word in shlex.split(command)]
    return shell_line([word for word in words if not word.startswith("seeds=")])


def _baseline_options(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return the baseline's option of each trick, from the command that trains it."""
    command = _as_today(rows[0]["reproduce"])
    return dict(re.findall(r"trick/(\w+)=([\w.+-]+)", command))


def _records(row: dict[str, Any], images: int) -> list[TrialRecord]:
    """Make runs whose ratios of costs have the mean and the spread of the report's."""
    accuracies = row["accuracies"]
    wave = np.resize([1.0, -1.0], len(accuracies))
    wave -= wave.mean()
    if len(wave) > 1:
        wave /= wave.std(ddof=1)
    costs = {
        field: row[f"{name}_ratio"] + (row[f"{name}_ratio_spread"] or 0.0) * wave
        for name, field in COSTS.items()
    }
    return [
        TrialRecord(
            row["trick"],
            row["option"],
            row["section"],
            int(seed),
            Status.FINISHED,
            accuracy=accuracy / 100,
            images=images,
            classes=10,
            epochs=EPOCHS,
            costs=Costs(**{field: float(values[i]) for field, values in costs.items()}),
        )
        for i, (seed, accuracy) in enumerate(accuracies.items())
    ]


def _with_kept(comparison: Comparison, rows: list[dict[str, Any]]) -> Comparison:
    errors = {row["trial"]: row["image_error_points"] for row in rows}
    kept = tuple(dataclasses.replace(row, image_error=errors[row.name]) for row in comparison.rows)
    return dataclasses.replace(comparison, rows=kept)


if __name__ == "__main__":
    main()
