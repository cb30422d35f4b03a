"""What a script expects of a report's verdicts, and the exit code if it is not so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from darkmagic.checklist.judging.expect import Expectation
    from darkmagic.checklist.report.content import Report

__all__ = ["Expected"]

NOT_AS_EXPECTED = 3
NAMED = 5
"""Trials that are named where many are not as expected."""


@dataclass(frozen=True)
class Expected:
    """What `--expect` and `--of` ask for; `claim` is None where nothing is expected."""

    claim: Expectation | None
    of: tuple[str, ...]

    @classmethod
    def read(cls, expect: str | None, of: Sequence[str] | None) -> Expected:
        """Return what is asked for. Raises `UserError` where there is no such claim."""
        from darkmagic.checklist.errors import UserError
        from darkmagic.checklist.judging.expect import Expectation

        if of and expect is None:
            raise UserError("--of says which trial --expect is about: give --expect too")
        return cls(None if expect is None else Expectation.parse(expect), tuple(of or ()))

    def objections(self, report: Report) -> list[str]:
        """Return what is not as expected, a trial each; empty if all is.

        A report that compares nothing, as none of its runs learnt, holds for no claim. Raises
        `UserError` if `of` names no trial.
        """
        from darkmagic.checklist.judging.expect import misses

        if self.claim is None:
            return []
        missed = misses(report.comparison, self.claim, self.of)
        alarm = [report.advice.alarm] if report.advice.alarm else []
        return [*alarm, *(f"{row.name} is {row.verdict_text!r}" for row in missed)]

    def conclude(self, objections: Sequence[str]) -> None:
        """Say on stderr whether all is as expected; exit with code 3 if it is not."""
        from darkmagic.cli.console import make_console

        if self.claim is None:
            return
        named = ", ".join(objections[:NAMED])
        if len(objections) > NAMED:
            named += f" and {len(objections) - NAMED} more"
        text = f"not as expected ({self.claim}): {named}"
        console = make_console(stderr=True)
        console.print(text if objections else f"as expected: {self.claim}", soft_wrap=True)
        if objections:
            raise typer.Exit(NOT_AS_EXPECTED)
