"""What makes two trials the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.former_names import current_node, former_node
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.sweeps.trial.paths import is_edited, trial_folder_name, write_config


def _identity(*words: str) -> str:
    with hydra_session() as hydra:
        return identity(resolve(compose(hydra.config_loader, words)))


@pytest.mark.parametrize(
    "word",
    ["runtime.device=cpu", "runtime.out=elsewhere", "runtime.workers=9", "runtime.cuda_graphs=auto",
     "seeds=3",
     "baseline=vanilla", "hydra.launcher.devices=cpu",
     "hydra.launcher.trials_per_device=auto", "runtime.experiment=x"],
)  # fmt: skip
def test_identity_ignores_where_and_beside_what_a_trial_runs(word: str) -> None:
    """Devices, folders and the number of seeds cannot change a result, nor its identity."""
    assert _identity(word) == _identity()


@pytest.mark.parametrize(
    "word",
    [*(f"hydra/launcher={name}" for name in ("local", "worker", "slurm", "ray")),
     "runtime.cache=elsewhere", "runtime.out=elsewhere"],
)  # fmt: skip
@pytest.mark.parametrize(
    "data",
    [("dataset=webdataset", "dataset.source.train=shards", "dataset.source.val='more/{0..3}.tar'"),
     ("dataset=folder", "dataset.source.root=photos"), ("dataset=tiny",)],
    ids=lambda words: words[0],
)  # fmt: skip
def test_identity_is_the_same_whichever_launcher_runs_it(data: tuple[str, ...], word: str) -> None:
    """Of shards as of folders, wherever this machine keeps what it has read of them."""
    assert _identity(*data, word) == _identity(*data)


@pytest.mark.parametrize(
    "word",
    ["seed=1", "epochs=3", "lr=0.2", "trick/mixup=on", "split_seed=1", "model.build.width=8",
     "tricks.lr_regime.cycles=3", "amp=off", "compile=true", "dataset.source.val_fraction=0.3"],
)  # fmt: skip
def test_identity_depends_on_what_can_change_the_result(word: str) -> None:
    """A number, option or field that can change the result gives another identity."""
    assert _identity(word) != _identity()


def test_identity_ignores_the_order_of_keys() -> None:
    """The same values in another order have the same identity."""
    assert identity({"a": 1, "b": {"c": 2, "d": 3}}) == identity({"b": {"d": 3, "c": 2}, "a": 1})


BEFORE = {
    (): "310d1387cb2f90aa",
    ("seed=3", "trick/mixup=on"): "9666f1a6b3827808",
    ("trick/augmentation=colour_shift",): "b70a262bead8402d",
    ("trick/augmentation=blur",): "5334c189e8f776f7",
    ("trick/augmentation=random_crops_scales",): "c87cb9fef6e27e8a",
    ("+trick/random_erasing=on",): "9dee5b3f218b0003",
    ("+trick/cutout='8'",): "ef5e1f4d0de307d0",
    ("+trick/cutout='16'",): "d64bbb952bf6c2ee",
    ("+trick/input_geometry=fixres",): "445a9451d2062886",
    ("+trick/input_geometry=test_crop_0.75",): "ffa8bbead5e8d00a",
    ("+trick/input_geometry=resized_crop_0.08",): "11637bfd3c66006c",
    ("+trick/convolution=depthwise_separable",): "b9edabaa779ac73b",
    ("+trick/blurpool=on",): "91eb341557209f43",
    ("trick/scheduled_weight_decay=linear",): "d84aa062df732ebb",
    ("trick/pretrain=pretrained",): "f27f67ea1066871a",
    ("trick/pretrain=pretrained", "model=resnet18"): "f6295badea22b753",
    ("trick/lr_regime=step",): "02ed8dfabb88cae0",
    ("dataset=cifar10", "model=resnet18", "epochs=3", "amp=off"): "56c7b3ddd287448b",
    ("+trick/ema=on", "+trick/gradient_clipping=on", "seed=3"): "d69b716c78239d7c",
    ("dataset=cifar10", "model=resnet18"): "97902da12dfc5260",
}
"""Computed with the names that classes and fields had first."""


@pytest.mark.parametrize("words", BEFORE)
def test_identity_is_what_it_was_before_fields_were_renamed(words: tuple[str, ...]) -> None:
    """An experiment begun under former names goes on: its trials have the same identities."""
    assert _identity(*words) == BEFORE[words]


@pytest.mark.parametrize(
    ("target", "former", "today"),
    [
        ("cutout.Cutout", {"of": 16}, {"reference_size": 16}),
        ("augmentation.Blur", {"least": 0.2, "most": 1.0}, {"sigma": [0.2, 1.0]}),
        ("augmentation.RandomCrops", {"area": 0.3}, {"scale": [0.3, 1.0]}),
        ("input_geometry.InputGeometry", {"min_area": None}, {"scale": None}),
        ("input_geometry.InputGeometry", {"min_area": 0.1}, {"scale": [0.1, 1.0]}),
    ],
)
def test_former_and_current_names_map_to_each_other(
    target: str, former: dict[str, object], today: dict[str, object]
) -> None:
    """Configurations that finished trials left are read, and hashed, as they were written."""
    head = {"_target_": f"darkmagic.trainers.tricks.{target}"}
    assert current_node({**head, **former}) == {**head, **today}
    assert former_node({**head, **today}) == {**head, **former}


def test_former_keys_count_as_null_where_they_are_absent() -> None:
    """An old configuration, which has them, is the same trial unless one of them did something."""
    plain = {"seed": 0, "tricks": {}}
    old = {**plain, "clip_grad_norm": None, "ema_decay": None}
    assert identity(plain) == identity(old)
    assert identity({**old, "ema_decay": 0.9}) != identity(plain)


def test_source_without_groups_is_the_trial_that_it_was_before_there_were_any() -> None:
    """The key is left out at the value that has no effect, and counts at another."""
    before = {"seed": 0, "dataset": {"name": "t", "source": {"file": "labels.csv"}}}
    none, patients = (
        {**before, "dataset": {"name": "t", "source": {"file": "labels.csv", "group": group}}}
        for group in (None, "patient")
    )
    assert identity(before) == identity(none) != identity(patients)


def test_folder_name_has_trial_seed_and_identity() -> None:
    """A trial's folder is named by the trial, its seed and the start of its identity."""
    assert trial_folder_name("mixup=on", 2, "0123456789abcdef") == "mixup=on-s2-01234567"
    plain = trial_folder_name("lr=0.1 of 'a'+mixup=on", 2, "0123456789abcdef", plain=True)
    assert plain == "lr-0.1-of-a-+mixup-on-s2-01234567"


@pytest.mark.parametrize("key", ["dataset", "trainer", "tricks", "runtime"])
def test_configuration_that_is_written_has_no_secret_and_the_same_identity(
    tmp_path: Path, key: str
) -> None:
    """Whichever key has the password: what the file says is no edit of the trial's own."""
    with hydra_session() as hydra:
        resolved = resolve(compose(hydra.config_loader, ()))
    own = {"words": ["--store", "postgresql://me:s3cr3t@host/db"]}
    resolved = {**resolved, key: {**(resolved.get(key) or {}), "own": own}}
    write_config(tmp_path, resolved)
    text = (tmp_path / "config.yaml").read_text()
    assert "me:***@host" in text
    assert "s3cr3t" not in text
    assert not is_edited(tmp_path / "config.yaml", identity(resolved))
