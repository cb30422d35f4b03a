"""Ranges of numbers in options' files: valid, around the option's own value, and no fields."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import conf
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.compose.checks.ranges import Range, read_ranges
from darkmagic.sweeps.compose.checks.values import check_node
from darkmagic.sweeps.compose.groups import trick_card
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import fields_of, identity, resolve


def _resolved(node: dict[str, object]) -> dict[str, object]:
    """Return an option's content with the rates of the default configuration."""
    rates = {"${lr}": 0.1, "${adam_lr}": 0.001}
    return {name: rates.get(str(value), value) for name, value in node.items()}


FOLDER = Path(str(conf.__file__)).parent / "trick"
TUNED = {
    path: node
    for path in sorted(FOLDER.glob("*/*.yaml"))
    for node in [_resolved(yaml.safe_load(path.read_text()))]
    if "search" in node
}
MUST_HAVE = {
    "optimizer",
    "weight_decay",
    "label_smoothing",
    "mixup",
    "cutmix",
    "random_erasing",
    "drop_path",
    "lr_warmup",
    "lr_regime",
    "augmentation",
    "ema",
}
"""Tricks whose numbers the literature tunes."""


def _ranges(node: dict[str, object]) -> dict[str, Range]:
    fields = target_fields(str(node["_target_"]))
    return read_ranges("tricks.x", node, fields.declared if fields else {})


def _corners() -> Iterator[tuple[str, dict[str, object]]]:
    """Yield every option with each of its numbers at an end of its range."""
    for path, node in TUNED.items():
        for name, span in _ranges(node).items():
            for end in (span.low, span.high):
                yield f"{path.parent.name}={path.stem} {name}={end}", {**node, name: end}


def test_tricks_whose_numbers_are_tuned_have_ranges() -> None:
    """Rates, decay, smoothing, alphas, probabilities, warm-up, strength and averages have one."""
    assert {path.parent.name for path in TUNED} >= MUST_HAVE


def test_every_number_of_a_range_is_taken_by_its_trick() -> None:
    """Both ends of each range pass the checks of their class, and its constraints."""
    for what, node in _corners():
        check_node(what, node)


def test_value_of_the_file_is_in_its_range() -> None:
    """What an option has is among what tuning tries."""
    for path, node in TUNED.items():
        for name, span in _ranges(node).items():
            value = node[name]
            assert isinstance(value, int | float)
            assert span.low <= value <= span.high, f"{path}: {name}"


def test_range_is_no_part_of_a_trial() -> None:
    """A range changes neither a trial's configuration nor its identity, whatever it is."""
    with hydra_session() as hydra:
        loader = hydra.config_loader
        plain = resolve(compose(loader, ["trick/mixup='on'"]))
        wider = compose(loader, ["trick/mixup='on'", "tricks.mixup.search.alpha.high=9"])
        assert wider.tricks.mixup.search.alpha.high == 9
        assert resolve(wider) == plain
        card = trick_card(loader, "mixup")
    assert all("search" not in node for node in plain["tricks"].values())
    assert identity(plain) == identity(resolve(wider))
    assert card.fields["on"] == {"alpha": 0.2}
    assert fields_of("text") == "text"


MIXUP = {"_target_": "darkmagic.trainers.tricks.mixup.Mixup", "alpha": 0.2}
PIXELS = {"_target_": "darkmagic.trainers.tricks.cutout.Cutout", "pixels": 8, "reference_size": 32}


@pytest.mark.parametrize(
    ("node", "search", "said"),
    [
        (MIXUP, 3, "it takes a range for each field"),
        (MIXUP, {"alfa": {"low": 1, "high": 2}}, "there is no number 'alfa' to search"),
        (MIXUP, {"alpha": [0.1, 1]}, "it takes a range, such as"),
        (MIXUP, {"alpha": {"low": 0.1}}, "it takes a range, such as"),
        (MIXUP, {"alpha": {"low": 0.1, "high": 1, "logg": True}}, "did you mean log"),
        (MIXUP, {"alpha": {"low": -0.1, "high": 1}}, "need alpha > 0"),
        (MIXUP, {"alpha": {"low": 1, "high": 0.1}}, "need low < high"),
        (MIXUP, {"alpha": {"low": "a", "high": 1}}, "it takes a number"),
        (MIXUP, {"alpha": {"low": 0.1, "high": 1, "log": "yes"}}, "log takes true or false"),
        (MIXUP, {"alpha": {"low": 0.1, "high": 1, "step": 0}}, "step takes a number > 0"),
        (MIXUP, {"alpha": {"low": 0.1, "high": 1, "step": 0.1, "log": True}}, "without log: true"),
        (PIXELS, {"pixels": {"low": 4, "high": 8, "step": 0.5}}, "step takes a whole number"),
        (PIXELS, {"pixels": {"low": 4.5, "high": 8}}, "pixels takes a whole number"),
    ],
)
def test_range_that_there_cannot_be_is_one_line(
    node: dict[str, object], search: object, said: str
) -> None:
    """A range with a mistake names its key and what it takes."""
    with pytest.raises(UserError) as found:
        check_node("tricks.x", {**node, "search": search})
    message = str(found.value)
    assert message.startswith("tricks.x.search")
    assert said in message
    assert "\n" not in message
