"""The words that train a table's rows again."""

from __future__ import annotations

import pytest

from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.planning.again import same_rows, same_seeds
from records import SMALL, simulated
from screens import ARTICLE, screen_of, screened

ROWS = ("baseline", "mixup=on")
THREE = simulated(SMALL, 3)
UNEVEN = [each for each in THREE if each.name in ROWS or each.seed == 0]
TABLES = {
    "one seed": (compare(SMALL, simulated(SMALL, 1)), []),
    "three seeds": (compare(SMALL, THREE), ["seeds=3"]),
    "a row with more seeds": (compare(SMALL, UNEVEN), []),
    "a part": (
        compare(SMALL, [each for each in THREE if each.name in ROWS]),
        ["seeds=3", "only=[mixup]"],
    ),
    "a race": (compare(SMALL, THREE, Rules(race=True)), []),
    "a screen": (compare(ARTICLE, screened(screen_of(24), {})), []),
    "no run": (compare(SMALL, []), []),
}


@pytest.mark.parametrize(("table", "words"), TABLES.values(), ids=TABLES)
def test_words_train_the_rows_again(table: Comparison, words: list[str]) -> None:
    """As many seeds where all rows have as many, and the tricks where some are left out."""
    assert [*same_seeds(table), *same_rows(table)] == words
