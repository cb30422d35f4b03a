"""What a sweep's runs were made of, from what MLflow has of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.records import ENDED, TrialRecord
from darkmagic.checklist.report.setup import Setup
from darkmagic.sweeps.orchestrate.page.changed import changed_of, pictures
from darkmagic.sweeps.track.snapshot import Snapshot
from darkmagic.sweeps.track.store import LOCAL_PAGES

__all__ = ["make_setup"]

UNSEEN = "The sweep ran with runtime.report_images=false: no data were read again for this page."


def make_setup(snapshot: Snapshot) -> Setup:
    """Return the setup of the sweep in `snapshot`."""
    records = snapshot.records
    settings: dict[str, Mapping[str, str]] = {}
    links: dict[str, dict[int, str]] = {}
    for record in records:
        if record.run_id in snapshot.params:
            settings.setdefault(record.name, snapshot.params[record.run_id])
        if record.run_id and snapshot.pages:
            links.setdefault(record.name, {})[record.seed] = snapshot.pages + record.run_id
    seconds = [r.costs.wall_seconds for r in records if r.costs.wall_seconds is not None]
    base = settings.get(BASELINE, {})
    return Setup(
        dataset=_data_name(base),
        model=base.get("model.name", "") or base.get("trainer.name", ""),
        classes=next((r.classes for r in records if r.classes is not None), None),
        train_images=snapshot.images.get("train"),
        strip=tuple(pictures(snapshot.images.get("strip", ()))),
        changed=changed_of(snapshot),
        parameters=_parameters(records),
        runs=sum(record.status in ENDED for record in records),
        seconds=sum(seconds) if seconds else None,
        settings=settings,
        links=links,
        local=snapshot.pages.startswith(LOCAL_PAGES),
        unseen=UNSEEN if base.get("runtime.report_images") == str(False) else "",
    )


def _data_name(settings: Mapping[str, str]) -> str:
    """Return what the data are called: a folder of the user's by its own name."""
    name = settings.get("dataset.name", "")
    own = PurePath(settings.get("dataset.source.root", "")).name if name == "folder" else ""
    return own or name


def _parameters(records: tuple[TrialRecord, ...]) -> int | None:
    """Return the size of the baseline's network."""
    sizes = (r.costs.parameters for r in records if r.name == BASELINE)
    return next((int(size) for size in sizes if size is not None), None)
