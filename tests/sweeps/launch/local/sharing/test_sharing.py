"""Several trials on a device: what is chosen, calibrated with real processes, and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.launch import devices
from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.local.sharing.calibrate import (
    CalibrationError,
    calibrate,
    measure_together,
)
from darkmagic.sweeps.launch.local.sharing.choice import (
    MPS,
    PLAIN,
    Measured,
    Packing,
    choose,
)
from darkmagic.sweeps.launch.local.sharing.leases import (
    PACKING,
    find_packing,
    keep_packing,
    lease_devices,
)
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.recipe import Recipe
from hydra_plugins.darkmagic.config import LocalLauncherConf
from sweeping import run

MANY = 10**9  # trials, so that any are worth calibrating


def _resolved(*words: str) -> dict[str, Any]:
    with hydra_session() as hydra:
        return resolve(compose(hydra.config_loader, ["dataset=tiny", "runtime.device=cpu", *words]))


@pytest.mark.parametrize("mps", ["no MPS: it is not installed", {"CUDA_MPS_LOG_DIRECTORY": "x"}])
def test_calibrating_trains_real_trials_at_once(tmp_path: Path, mps: str | dict[str, str]) -> None:
    """In processes of their own, under MPS where it is there, and leaves nothing behind."""
    (lease, *_) = make_leases("cpu", 1)
    words = (f"runtime.cache='{tmp_path}/cache'", f"runtime.out='{tmp_path}/runs'")
    packing = calibrate(_resolved(*words), lease, trials=MANY, mps=mps, seconds=0.3, most=2)
    ways = [(each.way, each.trials) for each in packing.measured]
    assert ways == [(PLAIN, 1), (PLAIN if isinstance(mps, str) else MPS, 2)]
    assert all(each.rate > 0 for each in packing.measured)
    assert packing.trials in (1, 2)
    assert packing.times > 0
    if isinstance(mps, str):
        assert mps in str(packing)
    assert not list(tmp_path.rglob("result.json"))
    assert not list(tmp_path.rglob("events.jsonl"))


def test_a_short_sweep_is_not_calibrated() -> None:
    """One trial is measured, to know."""
    (lease, *_) = make_leases("cpu", 1)
    packing = calibrate(_resolved(), lease, trials=2, mps="no MPS", seconds=0.1)
    assert [each.trials for each in packing.measured] == [1]
    assert "too short" in str(packing)


def test_a_trial_that_cannot_be_measured_says_why() -> None:
    """Alone or among others."""
    (lease, *_) = make_leases("cpu", 1)
    with pytest.raises(CalibrationError, match="ValueError: depth"):
        measure_together(_resolved("model.build.depth=9"), lease, 2, 0.1)


def test_what_was_found_is_used_again_for_the_same_work(tmp_path: Path) -> None:
    """Another device, model or batch is calibrated anew; other tricks are not."""
    packing = choose([Measured(PLAIN, 1, 100), Measured(PLAIN, 2, 180)], "4 at once: memory")
    resolved = _resolved()
    assert find_packing(tmp_path, "A100", resolved, pytest.fail) is None
    keep_packing(tmp_path, "A100", resolved, packing)
    assert find_packing(tmp_path, "A100", resolved, pytest.fail) == packing
    other = _resolved("trick/mixup=on", "seed=3")
    assert find_packing(tmp_path, "A100", other, pytest.fail) == packing
    assert find_packing(tmp_path, "H100", resolved, pytest.fail) is None
    assert find_packing(tmp_path, "A100", _resolved("batch_size=7"), pytest.fail) is None


def test_what_was_too_short_is_not_kept(tmp_path: Path) -> None:
    """The next sweep may be longer."""
    keep_packing(tmp_path, "A100", _resolved(), choose([Measured(PLAIN, 1, 100)], "too short"))
    assert not (tmp_path / PACKING).exists()


def test_on_a_cpu_auto_is_one_trial_a_core() -> None:
    """Without a calibration."""
    notes: list[str] = []
    with lease_devices("cpu", "auto", [], notes.append) as leases:
        assert leases == make_leases("cpu", None)
    assert notes == []


def test_gpu_is_shared_and_captured_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many trials as are measured to pay, each as CUDA graphs; no more than there are GPUs go
    one a GPU, unmeasured.
    """
    monkeypatch.setattr(devices, "_visible_gpus", lambda: ["0", "1"])
    with hydra_session() as hydra:
        config = compose(hydra.config_loader, ["dataset=tiny"])
    assert config.runtime.cuda_graphs == Recipe.cuda_graphs == "auto"
    per_device = LocalLauncherConf().trials_per_device
    assert per_device == "auto"
    notes: list[str] = []
    with lease_devices("auto", per_device, [config] * 2, notes.append) as leases:
        assert [lease.device for lease in leases] == ["0", "1"]
    config.runtime.device = "cpu"
    with lease_devices("auto", per_device, [config] * 4, notes.append) as leases:
        assert leases == make_leases("cpu", None)
    assert notes == []


@pytest.mark.parametrize("count", [0, -1, "many", 1.5])
def test_other_numbers_are_refused(count: Any) -> None:
    """With the range."""
    with pytest.raises(UserError, match="1 or more, or auto"):
        make_leases("cpu", count)


SWEEP_OVERRIDES = ["checklist=pair", "max_steps=3", "trick/augmentation=standard"]
PAIR = """
name: pair
tricks:
  - {name: mixup, section: ours, options: ["off", "on"]}
"""


def _weights(folder: Path, per_device: int) -> dict[str, dict[str, torch.Tensor]]:
    """Run a sweep of two trials and two seeds; return what each trained, by folder."""
    folder.mkdir()
    (folder / "conf" / "checklist").mkdir(parents=True)
    (folder / "conf" / "checklist" / "pair.yaml").write_text(PAIR)
    words = [
        *SWEEP_OVERRIDES,
        "seeds=2",
        "baseline_repeats=1",
        f"hydra.launcher.trials_per_device={per_device}",
    ]
    outcome = run(folder, words, [folder / "conf"]).outcome
    found = {}
    for path in outcome.folder.glob("*/result.json"):
        checkpoint = load_checkpoint(path.parent)
        assert checkpoint is not None
        found[path.parent.name] = checkpoint["model"]
    return found


@pytest.mark.weekly
def test_packed_trials_train_as_they_do_with_fewer_neighbours(tmp_path: Path) -> None:
    """Bit for bit on a CPU, at the same number of threads."""
    cores = len(make_leases("cpu", None))
    few = _weights(tmp_path / "few", cores)
    many = _weights(tmp_path / "many", 2 * cores)
    assert len(few) == 4
    assert few.keys() == many.keys()
    for name, weights in few.items():
        assert all(torch.equal(value, many[name][key]) for key, value in weights.items()), name


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@needs_gpu
def test_a_gpu_is_calibrated_and_packed(tmp_path: Path) -> None:
    """Trials at once end in the accuracy of one at a time, to a GPU's rounding."""
    losses = []
    for name, each in (("alone", 1), ("packed", 4)):
        (tmp_path / name).mkdir()
        words = [f"hydra.launcher.trials_per_device={each}", "hydra.launcher.devices=auto"]
        words += ["runtime.device=auto", "epochs=3", "amp=off"]
        records = run(tmp_path / name, words).outcome.records
        assert {record.status for record in records} == {"finished"}
        losses.append([record.val_accuracy for record in records])
    assert losses[0] == pytest.approx(losses[1], abs=0.05)
    (lease, *_) = make_leases("auto", 1)
    packing = calibrate(
        _resolved("runtime.device=auto"), lease, trials=MANY, mps="no MPS", seconds=0.5, most=2
    )
    assert isinstance(packing, Packing)
    assert [each.trials for each in packing.measured] == [1, 2]
