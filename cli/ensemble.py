"""`darkmagic ensemble`: the predictions of trained runs, averaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkmagic.cli.errors import explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from darkmagic.sweeps.ensembling import Member
    from darkmagic.trainers.ensemble import Ensemble, Quality

__all__ = ["ensemble"]


def ensemble(
    experiment: Annotated[
        str | None, typer.Argument(help="The experiment's name.  [default: the newest]")
    ] = None,
    of: Annotated[
        str, typer.Option("--of", help="`seeds` of one trial, or the best `trials`.")
    ] = "seeds",
    trial: Annotated[
        str, typer.Option("--trial", help="The trial whose seeds are taken.")
    ] = "baseline",
    count: Annotated[int, typer.Option("-k", help="How many runs.")] = 5,
    split: Annotated[str, typer.Option("--split", help="val, or test.")] = "val",
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of all experiments.")] = Path(
        "runs"
    ),
    devices: Annotated[
        str, typer.Option("--devices", help="auto, cpu, or a GPU's index.")
    ] = "auto",
) -> None:
    """Average the predictions of trained runs: gain, agreement and calibration."""
    with explained():
        from rich.text import Text

        from darkmagic.checklist.errors import UserError, nearest
        from darkmagic.cli.console import make_console
        from darkmagic.sweeps import ensembling

        if of not in list(ensembling.Of):
            raise UserError(f"no ensemble of {of!r}; " + nearest(of, list(ensembling.Of)))
        if split not in ("val", "test"):
            raise UserError(f"no split {split!r}; choose val or test")
        folder = _folder(out.absolute(), experiment)
        members = ensembling.choose_members(folder, of=ensembling.Of(of), trial=trial, count=count)
        console = make_console()
        with make_console(stderr=True).status("predicting"):
            place = int(devices) if devices.isdigit() else devices
            found = ensembling.ensemble(members, split, place)
        console.print(_table(members, found))
        for sentence in _sentences(found, split):
            console.print(Text(sentence))


def _folder(out: Path, experiment: str | None) -> Path:
    from darkmagic.checklist.errors import UserError, nearest
    from darkmagic.trainers.files import RESULT

    known = {path.parent.parent.name: path for path in out.glob(f"*/*/{RESULT}")}
    if not known:
        raise UserError(f"no trained runs in {out}; start with: darkmagic checklist run")
    if experiment is None:
        newest = max(out.glob(f"*/*/{RESULT}"), key=lambda path: path.stat().st_mtime)
        return newest.parent.parent
    if experiment not in known:
        raise UserError(f"no experiment {experiment!r} in {out}; " + nearest(experiment, known))
    return out / experiment


def _table(members: Sequence[Member], found: Ensemble) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("run", overflow="fold")
    for head in ("accuracy %", "cross-entropy", "calibration error %"):
        table.add_column(head, justify="right", no_wrap=True)
    for member, quality in zip(members, found.members, strict=True):
        table.add_row(Text(f"{member.trial} seed {member.seed}"), *_cells(quality))
    table.add_section()
    table.add_row(Text("together", style="bold"), *_cells(found.together))
    return table


def _cells(quality: Quality) -> tuple[str, str, str]:
    return (
        f"{100 * quality.accuracy:.2f}",
        f"{quality.cross_entropy:.3f}",
        f"{100 * quality.calibration_error:.2f}",
    )


def _sentences(found: Ensemble, split: str) -> list[str]:
    accuracies = [member.accuracy for member in found.members]
    mean = sum(accuracies) / len(accuracies)
    together = found.together.accuracy
    words = "validation" if split == "val" else "test"
    return [
        (
            f"{len(accuracies)} runs together: {100 * (together - mean):+.2f} points on their mean "
            f"and {100 * (together - max(accuracies)):+.2f} on the best of them, on the {words} "
            f"set, for {len(accuracies)} times the work of a prediction."
        ),
        (
            f"Two of them agree on {found.agreement:.1%} of the images; the less, the more there "
            "is to gain."
        ),
    ]
