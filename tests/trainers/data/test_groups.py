"""Images that belong together, such as those of a patient, are on one side of every split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.splits.folds import hold_out_fold
from darkmagic.trainers.data.splits.groups import parts_of_groups
from darkmagic.trainers.data.table import Table

IMAGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=8, max_size=80)


def _rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(deadline=None, max_examples=60)
@given(IMAGES, st.lists(st.integers(1, 9), min_size=2, max_size=6), st.integers(0, 9))
def test_no_group_is_in_two_parts_and_none_is_empty(
    images: list[tuple[int, int]], weights: list[int], seed: int
) -> None:
    """Whatever sizes groups, classes and parts have; fewer groups than parts are refused."""
    labels, groups = torch.tensor(images).T
    shares = [weight / sum(weights) for weight in weights]
    if len(groups.unique()) < len(shares):
        with pytest.raises(ValueError, match="cannot be divided"):
            parts_of_groups(labels, groups, shares, _rng(seed))
        return
    part_of = parts_of_groups(labels, groups, shares, _rng(seed))
    assert part_of.unique().tolist() == list(range(len(shares)))
    assert len({*zip(groups.tolist(), part_of.tolist(), strict=True)}) == len(groups.unique())
    assert torch.equal(part_of, parts_of_groups(labels, groups, shares, _rng(seed)))


def _unevenness(labels: np.ndarray, part_of: np.ndarray, folds: int) -> float:
    """Return how far the folds' shares of the classes are from even, by chi-square."""
    counts = np.zeros((folds, labels.max() + 1))
    np.add.at(counts, (part_of, labels), 1)
    expected = counts.sum(0) / folds
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("largest", [4, 12, 40])
def test_folds_of_groups_are_as_even_as_those_of_scikit_learn(largest: int) -> None:
    """Of fifteen data sets with a class that is rare, on average over them."""
    ours = theirs = 0.0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(60), rng.integers(1, largest + 1, 60))
        common = rng.random(60)[groups]  # groups differ in what is common in them
        labels = (rng.random(len(groups)) < 0.3 * common).astype(int)
        part_of = parts_of_groups(torch.tensor(labels), torch.tensor(groups), [0.2] * 5, _rng(seed))
        ours += _unevenness(labels, part_of.numpy(), 5)
        split = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        known = np.empty(len(groups), dtype=int)
        for fold, (_, held) in enumerate(split.split(labels, labels, groups)):
            known[held] = fold
        theirs += _unevenness(labels, known, 5)
    assert ours < 1.1 * theirs


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make forty images of ten patients, whose number is their red, with a table."""
    folder = tmp_path_factory.mktemp("patients")
    rows = ["image,patient,label,split"]
    for index in range(40):
        patient = index % 10
        Image.new("RGB", (8, 8), (10 * patient, index, 0)).save(folder / f"{index}.png")
        split = "train" if patient < 8 else "val"
        rows.append(f"{index}.png,p{patient},{('ill', 'well')[patient % 2]},{split}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder


def _load(folder: Path, file: str = "labels.csv", **fields: Any) -> Data:
    return Table(str(folder / file), cache=str(folder / "cache"), **fields).load(split_seed=0)


def _patients(split: Split) -> set[int]:
    return {int(image[0, 0, 0]) // 10 for image in split.images}  # type: ignore[attr-defined]


def _without_splits(folder: Path, name: str) -> str:
    lines = (folder / "labels.csv").read_text().splitlines()
    (folder / name).write_text("\n".join(line.rpartition(",")[0] for line in lines))
    return name


@pytest.mark.parametrize("budget", [2**31, 0])
def test_splits_and_folds_of_a_table_share_no_patient(patients: Path, budget: int) -> None:
    """In memory and read as needed: each patient is validated on once in as many seeds as folds."""
    drawn = _without_splits(patients, "drawn.csv")
    data = _load(patients, drawn, group="patient", memory_budget=budget)
    splits = [_patients(split) for split in (data.train, data.val, data.test)]
    assert all(splits)
    assert Counter(patient for split in splits for patient in split) == Counter(range(10))
    assert data.notes[0].endswith("groups: column 'patient', 10 of them")
    assert not [doubt for doubt in data.doubts if "patient" in doubt]
    held = []
    for seed in range(6):
        fold = hold_out_fold(data, 3, seed, split_seed=0)
        assert not _patients(fold.train) & _patients(fold.val)
        assert _patients(fold.test) == splits[2]
        held.append(_patients(fold.val))
    for three in (held[:3], held[3:]):
        assert Counter(p for fold in three for p in fold) == Counter(splits[0] | splits[1])
    with pytest.raises(ValueError, match=r"folds=9: there are \d groups beside those of test"):
        hold_out_fold(data, 9, 0, split_seed=0)


def test_splits_as_given_stay_where_they_share_no_group(patients: Path) -> None:
    """They are checked, and folds of them are of whole groups."""
    data = _load(patients, group="patient")
    assert _patients(data.val) == {8, 9}


REFUSED = {
    "in two splits": ("0.png,p8,ill,train", "", "p8 is in train .* and in val"),
    "of two groups": ("0.png,p0,ill,train", "0.png,p4,ill,train", "of p0 .* and of p4"),
    "of none": ("0.png,,ill,train", "", "row 2 has nothing in column 'patient'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_group_that_is_not_clear_is_refused(patients: Path, case: str) -> None:
    """In one line that names rows and groups."""
    first, more, message = REFUSED[case]
    head, _, *rest = (patients / "labels.csv").read_text().splitlines()
    (patients / "odd.csv").write_text("\n".join([head, first, *rest, *[more] * bool(more)]))
    with pytest.raises(ValueError, match=message):
        _load(patients, "odd.csv", group="patient")


def test_column_that_may_be_of_groups_is_pointed_out(patients: Path) -> None:
    """It is not taken for labels, and not used unless it is named."""
    text = (patients / "labels.csv").read_text().replace("label", "finding")
    (patients / "named.csv").write_text(text)
    data = _load(patients, "named.csv")
    assert data.classes == ("ill", "well")
    assert any("dataset.source.group=patient keeps them in one" in doubt for doubt in data.doubts)
