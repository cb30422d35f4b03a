"""The default checklist starts on every network of the zoo, a quarter of them each week."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from darkmagic.checklist.records import Status
from darkmagic.sweeps import api
from sweeping import Recorder
from zoo import SIZE, quarter

WEEK = datetime.now(UTC).isocalendar().week


@pytest.mark.weekly
@pytest.mark.parametrize("name", quarter(WEEK % 4))
def test_default_checklist_trains_what_applies(name: str, tmp_path: Path) -> None:
    """Its baseline finishes, and every other trial too, unless it says why it does not apply."""
    overrides = [
        *("dataset=tiny", f"dataset.source.size={SIZE}", "dataset.source.channels=3"),
        *("model=own", "model.build._target_=zoo.build", f"+model.build.name='{name}'"),
        *("hydra.launcher.devices=cpu", "runtime.device=cpu", "max_steps=1", "floor=0"),
        f"runtime.out='{tmp_path}'",
    ]
    outcome = api.sweep(api.plan(overrides, will_train=True), Recorder())
    records = {record.name: record for record in outcome.records}
    assert records["baseline"].status is Status.FINISHED
    fine = {Status.FINISHED, Status.INERT, Status.NOT_APPLICABLE, Status.SKIPPED}
    assert {record.status for record in records.values()} <= fine, records
