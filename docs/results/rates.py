"""What rows say with and without rates of their own, on digits: makes `rates.json` beside it.

    python docs/results/rates.py

About 150 runs of eight epochs; a minute of one core is about ten of them. What is trained already
in the folder `runs` is not trained again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from darkmagic.checklist.plan import Retune
from darkmagic.checklist.planning.retune import retuned_rows, tries_of
from darkmagic.sweeps import SilentProgress, load_report, run_checklist

CHECKLIST = (
    "checklist.tricks=["
    "{name: optimizer, section: rates, options: [sgd_nesterov, sgd_momentum, adam, adamw]},"
    "{name: lr_regime, section: rates, options: [cosine_power_cycles, cosine]},"
    "{name: batch_size, section: rates, options: [x1, x4_unscaled, x4]}]"
)
SEEDS = 4


def main() -> None:
    """Run the three sweeps and write what each says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_args().overrides
    found = {}
    for mode in Retune:
        overrides = [f"retune={mode}", "runtime.experiment=rates", "epochs=8", CHECKLIST]
        outcome = run_checklist([*overrides, f"seeds={SEEDS}", *asked], SilentProgress())
        outcome.tracker.flush()
        report = load_report(outcome.uri, outcome.experiment)
        rows = retuned_rows(outcome.plan.checklist, mode)
        found[str(mode)] = {
            "tries": len(rows) * tries_of(mode, 6),
            "runs": len(outcome.records),
            "rows": {
                row.name: {
                    "accuracy": row.accuracy,
                    "difference": row.difference,
                    "interval": [row.interval.low, row.interval.high] if row.interval else None,
                    "p": row.p_value,
                    "verdict": row.verdict_text,
                    "rates": dict(row.rates),
                    "accuracies": list(row.accuracies.values()),
                }
                for row in report.rows
            },
        }
        print(mode, {n: r["difference"] for n, r in found[str(mode)]["rows"].items()}, flush=True)
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
