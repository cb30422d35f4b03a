"""`darkmagic judge`: verdicts on runs that somebody else made."""

from __future__ import annotations

from darkmagic.checklist.judging.judgement import Judgement, judge_table
from darkmagic.checklist.judging.question import Question
from darkmagic.sweeps.sources.read import read_source

__all__ = ["judge_source"]


def judge_source(source: str, question: Question) -> Judgement:
    """Return the verdicts on the runs of `source`."""
    return judge_table(read_source(source), question)
