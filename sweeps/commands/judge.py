"""`darkmagic judge`: verdicts on runs that somebody else made."""

from __future__ import annotations

from darkmagic.checklist.judging.judgement import Judgement, judge_table
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.sweeps.sources.read import read_source

__all__ = ["judge_source"]


def judge_source(
    source: str, question: Question, *, experiment: str | None = None, study: str | None = None
) -> Judgement:
    """Return the verdicts on the runs of `source`; `experiment` or `study` of those in a store."""
    return judge_table(read_source(source, experiment=experiment, study=study), question)
