"""A budget of time buys as many runs as fit, and what does not fit is left out in a known order."""

from __future__ import annotations

import itertools
import re

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.planning.budget import parse_budget
from darkmagic.checklist.tuning.pace import Pace, cut_to, shares_in
from darkmagic.checklist.tuning.shares import Shares, share_runs

PACES = [Pace(*each) for each in itertools.product((0.7, 12.0, 600.0), (1, 2, 8), (0.0, 5.0))]


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize(("effects", "seeds"), [(3, 2), (16, 5)])
def test_time_buys_the_runs_that_fit_in_it(pace: Pace, effects: int, seeds: int) -> None:
    """The runs fit, one round more does not, and what is too little says what is enough."""
    usual = round(1.5 * effects)
    for text in ("1m", "0.05h", "0.5h", "8h"):
        seconds = parse_budget(text).amount
        asked = {"effects": effects, "usual": usual, "seeds": seeds, "budget": text}
        fewest = Shares(effects, 3, 1, min(seeds, 3))
        if pace.whole(fewest) > seconds:
            with pytest.raises(UserError, match=f"budget={text} is too small") as caught:
                shares_in(seconds, pace, **asked)
            found = re.search(r"give budget=([\d.e+]+h)(?: with --seeds (\d+))?", str(caught.value))
            enough = parse_budget(found[1]).amount
            asked["seeds"] = int(found[2] or seeds)
            assert shares_in(enough, pace, **asked).total >= fewest.total
            continue
        if pace.whole(Shares(effects, 3, 1, seeds)) > seconds:
            continue  # enough with fewer seeds alone
        shares = shares_in(seconds, pace, **asked)
        assert pace.whole(shares) <= seconds
        assert shares.seeds == seeds
        if shares.total > 50_000:
            continue  # as many as anyone wants
        larger = share_runs(shares.total + 2 * pace.slots, effects, usual, seeds)
        assert pace.whole(larger) > seconds


@pytest.mark.parametrize("pace", PACES)
def test_what_follows_tuning_is_cut_to_the_time_there_is(pace: Pace) -> None:
    """What is kept fits, or is the least there can be, and more time never leaves out more."""
    planned = Shares(screen=24, tune=30, repeats=3, seeds=5)
    whole = pace.after_tuning(planned)
    assert cut_to(whole, pace, planned) == planned
    before = 0
    for share in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
        kept = cut_to(share * whole, pace, planned)
        least = (kept.repeats, kept.candidates, kept.seeds) == (1, 1, 3)
        assert least or pace.after_tuning(kept) <= share * whole
        assert kept.seeds == planned.seeds or kept.candidates == kept.repeats == 1
        assert kept.total >= before
        before = kept.total
