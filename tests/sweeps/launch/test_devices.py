"""How many trials run at once is no part of a result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.devices import make_leases, resolve_devices
from sweeping import run

FEW = """
name: few
tricks:
  - {name: mixup, section: s, options: ["off", "on"]}
  - {name: squeeze_excite, section: s, options: ["on", "off"]}
"""
TIMES = {"wall_seconds", "train_seconds", "step_seconds", "peak_memory_bytes", "digest"}


def _results(folder: Path, *overrides: str) -> dict[str, dict[str, object]]:
    (folder / "conf" / "checklist").mkdir(parents=True)
    (folder / "conf" / "checklist" / "few.yaml").write_text(FEW)
    swept = run(folder, ["checklist=few", "epochs=2", *overrides], [folder / "conf"])
    found = {}
    for path in swept.outcome.folder.glob("*/result.json"):
        result = json.loads(path.read_text())
        found[path.parent.name] = {k: v for k, v in result.items() if k not in TIMES}
    return found


def test_trials_at_once_equal_trials_one_by_one(tmp_path: Path) -> None:
    """With the same threads each, results do not depend on how many trials run at once."""
    packed, serial = (tmp_path / name for name in ("packed", "serial"))
    each = "hydra.launcher.threads=1"
    together = _results(packed, "hydra.launcher.trials_per_device=3", each)
    alone = _results(serial, "hydra.launcher.trials_per_device=1", each)
    assert len(alone) == 3
    assert together == alone


def test_given_threads_replace_the_share_of_the_cores() -> None:
    """A number of threads that is given replaces the share of the cores."""
    assert [lease.threads for lease in make_leases("cpu", 1, 3)] == [3]


@pytest.mark.parametrize("devices", [-1, [], [-1], "-1", 1.5, ["cuda:x"], 99, "upc", True])
def test_absent_devices_are_refused(devices: Any) -> None:
    """An index that no GPU has, or no index at all, is refused with what there is."""
    with pytest.raises(UserError, match=r"hydra.launcher.devices names .*choose auto, cpu"):
        resolve_devices(devices)
