"""What a report waits for before it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
RECORDS = {
    "single runs": "simulated(SMALL, 1)",
    "seeds": "simulated(SMALL, 3)",
    "screen": "screened(screen_of(24), {('t1', 'b'): 2.0}), ARTICLE",
}


@pytest.mark.parametrize("records", RECORDS.values(), ids=RECORDS)
def test_no_report_of_a_sweep_waits_for_scipy_stats(records: str) -> None:
    """It takes a second to import, and the distributions are scipy.special's too."""
    code = f"""
import sys
sys.path += ["{TESTS}", "{TESTS}/designs"]
from darkmagic.checklist.report.write import write_report
from records import SMALL, report_of, simulated
from screens import ARTICLE, screen_of, screened
write_report(report_of({records}), "json")
print("scipy.stats" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "False\n"
