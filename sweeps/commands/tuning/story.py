"""What an optimisation leaves: its story as Markdown and HTML, and its recipe as a file."""

from __future__ import annotations

from pathlib import Path

import yaml

from darkmagic.checklist.report.formatting import expected_gain
from darkmagic.checklist.report.writers.story import Section, story_html, story_markdown
from darkmagic.checklist.secrets import mask_nested, mask_secrets
from darkmagic.sweeps.commands.tuning.optimize import Optimized
from darkmagic.sweeps.commands.tuning.recipe import recipe_overrides, train_line
from darkmagic.sweeps.compose.request import split_request
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.text import shell_line
from darkmagic.trainers.outputs.durable import write_file

__all__ = [
    "ABLATES",
    "ablate_command",
    "alarm_of",
    "answer_of",
    "confirmed_of",
    "train_command",
    "write_story",
]

SHOWN = 5
UNTOLD = (
    "Too few of them have a result to tell what one option does: report.html, beside this file, "
    "says why, and has each of them."
)
ABLATES = "To see which of its parts carry the gain"
LEFT_OUT = ("checklist", "seeds", "baseline_repeats", "design", "runs", "retune")
"""Keys of a sweep: no part of a recipe."""
SNIPPET = """\
import darkmagic as dm

recipe = dm.Recipe.from_yaml("recipe.yaml")
loop = recipe.attach(model, total_steps=epochs * len(loader), epoch_steps=len(loader))
loop.num_classes = num_classes
for epoch in range(epochs):
    for images, classes in loader:
        images = loop.augment(images)  # uint8 images, before they are scaled
        images, targets = loop.batch(scale(images), classes)
        loop.loss(model(images), targets).backward()
        loop.step()
model = loop.finish()
"""


def write_story(found: Optimized) -> list[Path]:
    """Write the recipe and the story into the experiment's folder; return the files."""
    recipe, markdown, page = (
        found.folder / name for name in ("recipe.yaml", "optimize.md", "optimize.html")
    )
    sections = _story(found)
    title = f"{found.report.title.partition(':')[0]}: the best recipe of {found.trained.total} runs"
    files = {
        markdown: story_markdown(title, sections),
        page: story_html(title, sections),
    }
    if found.winner is not None:
        files = {recipe: yaml.safe_dump(_recipe(found), sort_keys=False), **files}
    for file, text in files.items():
        _write(file, text)
    return list(files)


def _write(file: Path, text: str) -> None:
    write_file(file, lambda opened: opened.write(text.encode()))


def train_command(found: Optimized) -> str:
    """Return the command that trains the recipe alone; the baseline where that is to be kept."""
    return train_line(found.planned_study.planned, found.winner.recipe if found.winner else None)


def ablate_command(found: Optimized) -> str:
    """Return the command that says which parts carry the gain; empty where none is proved."""
    if not found.proved:
        return ""
    planned = found.planned
    folders = [word for folder in planned.config_dirs for word in ("--config-dir", str(folder))]
    _, request = split_request(planned.overrides, folders)
    return mask_secrets(shell_line(["darkmagic", "checklist", "ablate", *request.overrides]))


def _recipe(found: Optimized) -> dict[str, object]:
    """Return the whole configuration of the recipe, as a trial of it has."""
    assert found.winner is not None
    words = recipe_overrides(found.planned_study.planned, found.winner.recipe)
    with hydra_session(found.planned.config_dirs) as hydra:
        loader = hydra.config_loader
        resolved = resolve(compose(loader, [o for o in words if not o.startswith("hydra")]))
    kept = {key: value for key, value in resolved.items() if key not in LEFT_OUT}
    return {**kept, "runtime": mask_nested(resolved["runtime"])}


def _story(found: Optimized) -> list[Section]:
    """Return the sections of the story, the answer first."""
    return [
        answer_of(found),
        _screened(found),
        _tuned(found),
        _settled(found),
        confirmed_of(found),
        _taken(found),
    ]


def answer_of(found: Optimized) -> Section:
    """Return what came of it in a sentence, and what was spent."""
    metric, shares = found.report.comparison.metric, found.planned.shares
    alarm = alarm_of(found)
    stages = [
        f"{found.trained.screen} runs of a screen",
        f"{found.trained.tuned} of tuning",
        *([f"{shares.repeats} of each candidate and of the baseline"] if found.settled else []),
    ]
    if found.confirmed:
        stages.append(f"and {shares.seeds} of the winner and of the baseline on the test set")
    spent = " ".join([", ".join(stages) + ".", *found.time])
    if found.winner is None:
        said = "Nothing that was tried is expected to be better than the baseline: keep it."
        return Section("The answer", [said, *alarm, spent])
    assert found.confirmation is not None
    test = found.confirmation.test
    if test is None:
        return Section("The answer", [*found.confirmation.sentences, *alarm, spent])
    gain = metric.amount(metric.gain(test.difference), sign=True)
    level = found.confirmation.level
    interval = test.interval(1 - level)
    sure = f"with {100 * (1 - level):.4g} %"
    span = "" if interval is None else f", {metric.span(*interval)} {sure}"
    span += f" ({metric.better})" if metric.better else ""
    if found.proved:
        verb = "Adopt this recipe"
    else:
        verb = "That is not proved: keep the baseline, or add seeds. The recipe tried"
    said = f"{gain} on the test set{span}. {verb}: {found.winner.changes}."
    return Section("The answer", [said, *alarm, spent])


def alarm_of(found: Optimized) -> list[str]:
    """Return what makes the screen worthless that all else is built on; empty if nothing does."""
    alarm = found.report.advice.alarm
    return [f"The screen is worthless. {alarm}"] if alarm else []


def _screened(found: Optimized) -> Section:
    comparison = found.report.comparison
    metric = comparison.metric
    alarm = alarm_of(found)
    known = [row for row in comparison.tricks if row.outlook is not None and not alarm]
    ordered = sorted(known, key=lambda row: -(row.outlook.gain if row.outlook else 0.0))
    rows = [
        [
            row.name,
            metric.difference(row.difference),
            expected_gain(row, metric),
            f"{100 * row.outlook.helps:.0f} %",
            row.verdict_text,
        ]
        for row in ordered
        if row.outlook is not None
    ]
    return Section(
        "1. The screen",
        [
            (
                f"{found.trained.screen} runs mixed options of all tricks. A difference is "
                "an average over the other options, and what is expected of it is drawn towards 0."
            ),
            *(alarm or ([] if rows else [UNTOLD])),
        ],
        ("option", "difference", "expected", "helps", "verdict"),
        rows,
    )


def _tuned(found: Optimized) -> Section:
    study = found.study
    rows = [
        [str(place), tried.where.partition(",")[0] or f"tune-{tried.number:03d}", tried.changes]
        for place, tried in enumerate(study.best[:SHOWN], start=1)
    ]
    return Section(
        "2. Tuning",
        [
            (
                f"{sum(study.counts.values())} recipes were tried where a ridge model with a term "
                f"for every two parameters expected the most, beside {study.known} that were "
                "known. Each was seen once, and the best of many is best by luck too: so no figure "
                "is given here."
            ),
            *study.notes,
        ],
        ("best first", "trial", "what it has that the baseline has not"),
        rows,
    )


def _settled(found: Optimized) -> Section:
    metric = found.report.comparison.metric
    rows = [
        [
            each.tried.changes if each.tried else "the baseline",
            " ".join(metric.value(value) for value in each.values),
            metric.value(each.expects),
        ]
        for each in found.settled
    ]
    return Section(
        "3. The likeliest, trained anew",
        ["Fresh seeds, on the validation set; the model of all runs chooses among them."],
        ("recipe", "fresh runs", "expected of it"),
        rows,
    )


def confirmed_of(found: Optimized) -> Section:
    """Return the winner and the baseline on the test set."""
    metric = found.report.comparison.metric
    if found.confirmation is None or found.winner is None:
        return Section("4. Confirmation", ["There was nothing to confirm."])
    runs = {
        "the baseline": found.confirmation.baseline,
        found.winner.changes: found.confirmation.combined,
    }
    rows = [[name, " ".join(map(metric.value, values.values()))] for name, values in runs.items()]
    return Section(
        "4. Confirmation on the test set",
        ["With seeds that nothing was chosen by.", *found.confirmation.sentences],
        ("recipe", "every run"),
        rows,
    )


def _taken(found: Optimized) -> Section:
    lines = (
        [] if found.winner is None else ["The whole recipe is in recipe.yaml, beside this file."]
    )
    blocks = [("To train it", train_command(found))]
    if command := ablate_command(found):
        blocks.append((ABLATES, command))
    if found.winner is not None:
        blocks.append(("In a training loop of your own", SNIPPET))
    return Section("To use it", lines, blocks=tuple(blocks))
