"""A hopeless trial is stopped in a real sweep, and its row says so from the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.records import Status
from darkmagic.sweeps.orchestrate.report import load_report
from sweeping import run

TRICK = '''
import dataclasses, time
from darkmagic.trainers.trick import Trick

@dataclasses.dataclass(frozen=True)
class Blind(Trick):
    """Hide all images, slowly, so that a watch sees its epochs."""

    def transform_batch(self, images, targets, rng):
        time.sleep(0.12)
        return images * 0, targets
'''


@pytest.mark.weekly
def test_trial_far_below_the_baseline_is_stopped_and_its_row_is_honest(
    tmp_path: Path,
) -> None:
    """It ends before its last epoch, is no failure, and is not trained again."""
    (tmp_path / "blind_trick.py").write_text(TRICK)
    folder = tmp_path / "conf" / "trick" / "blind"
    folder.mkdir(parents=True)
    (folder / "on.yaml").write_text("# @package tricks.blind\n_target_: blind_trick.Blind\n")
    words = [
        "checklist.tricks=[{name: blind, section: s, options: ['off', 'on']}]",
        "dataset=digits",
        "epochs=9",
        "runtime.experiment=mine",
        "futility=20",
    ]
    swept = run(tmp_path, words, [tmp_path / "conf"])
    stopped = {r.name: r for r in swept.outcome.records}["blind=on"]
    assert stopped.status is Status.STOPPED
    assert "points below every run of the baseline there" in stopped.reason
    (path,) = (tmp_path / "mine").glob("blind=on-*/result.json")
    assert json.loads(path.read_text())["status"] == "stopped"
    events = (path.parent / "events.jsonl").read_text()
    assert '"epoch": 5' in events
    assert '"epoch": 9' not in events
    report = load_report(swept.uri, "mine")
    row = report.rows[1]
    assert row.verdict is Verdict.STOPPED
    assert row.verdict_text == "1 of 1 stopped"
    assert any("futility=" in note for note in report.notes)
    again = run(tmp_path, words, [tmp_path / "conf"])
    assert again.progress.trials == []
