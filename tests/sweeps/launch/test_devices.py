"""How many trials run at once is no part of a result."""

from __future__ import annotations

import json
from pathlib import Path

from darkmagic.sweeps.launch.devices import make_leases
from sweeping import run

FEW = """
name: few
tricks:
  - {name: mixup, section: s, options: ["off", "on"]}
  - {name: squeeze_excite, section: s, options: ["on", "off"]}
"""
TIMES = {"wall_seconds", "train_seconds", "step_seconds", "peak_memory_bytes"}


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
