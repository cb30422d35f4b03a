"""`darkmagic init`: from a repository to the first command."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkmagic.cli.errors import cli_errors

if TYPE_CHECKING:
    from darkmagic.sweeps.api import FoundData

__all__ = ["init"]


def init(
    folder: Annotated[Path, typer.Argument(help="The repository.")] = Path(),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="A folder of images or tar shards, a table of labels, or a set on disk."
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="The folder that a table's names are from.")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", help="A table's column of images.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Its column of labels; several with commas.")
    ] = None,
    separator: Annotated[
        str | None, typer.Option("--separator", help="Between the labels of one cell.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="What is to decide.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="The network.")] = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="What to call the set.")] = None,
    config_dir: Annotated[
        Path | None,
        typer.Option("--config-dir", "-c", help="Where the YAML goes.  [default: conf]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Look at a repository, write the YAML of its data, and show the next command.

    Finds images in folders and tar shards, tables of labels, Hugging Face sets and training
    scripts. Asks only where there is more than one set of data, and only at a terminal.
    """
    with cli_errors():
        from darkmagic.checklist.errors import UserError
        from darkmagic.cli.commands.own.found import data_lines, script_lines
        from darkmagic.cli.console import make_console
        from darkmagic.sweeps import api

        if not folder.is_dir():
            raise UserError(f"no folder {folder}")
        console, here, place = make_console(), Path.cwd(), folder.absolute()
        columns = {"root": None if root is None else str(root.absolute()), "image": image}
        columns |= {"label": label, "separator": separator}
        found = api.find_data(place) if data is None else [_named(data, columns)]
        scripts = api.find_scripts(place)
        for each in found:
            for line in data_lines(each, here):
                console.print(line, soft_wrap=True)
        usable = [each for each in found if not each.why]
        if not usable and not scripts:
            hint = "use --data and its columns" if found else "name the data with --data"
            raise UserError(
                f"no data and no training script found in {folder}; {hint}, or compare changes of "
                "a script: darkmagic compare --metric NAME --change 'NAME=WORDS' -- python SCRIPT"
            )
        if usable:
            chosen = _choose(usable, here)
            option = name or api.option_name(chosen)
            target = config_dir or _config_folder(folder)
            text = api.dataset_yaml(chosen, option, here)
            path = api.write_option(target, option, text, force=force)
            asked = {"metric": metric or "", "model": model or ""}
            words = api.next_overrides(chosen, option, target, asked)
            console.print(f"\nwrote {path}:\n\n{text}", soft_wrap=True)
            console.print("next: checks of a few seconds, a try of every trial, and the sweep")
            for command in ("preflight", "checklist run --dry-run", "checklist run"):
                console.print(f"  darkmagic {command} {words}", soft_wrap=True)
        for script in scripts:
            console.print()
            for line in script_lines(script, *api.compare_command(script, place), place):
                console.print(line, soft_wrap=True)


def _named(data: Path, columns: Mapping[str, str | None]) -> FoundData:
    from darkmagic.checklist.errors import UserError
    from darkmagic.sweeps import api

    if not data.exists():
        raise UserError(f"--data {data}: there is no such file or folder")
    found = api.look_at(data.absolute(), **columns)
    if found is None:
        raise UserError(
            f"--data {data}: it has no folders of images, a class each, and no tar shards"
        )
    if found.why:
        raise UserError(f"--data {data}: {found.why}")
    return found


def _choose(found: Sequence[FoundData], here: Path) -> FoundData:
    """Return the only set of data, or the one that is asked for at a terminal."""
    from darkmagic.checklist.errors import UserError
    from darkmagic.cli.commands.own.found import short_path

    if len(found) == 1:
        return found[0]
    names = [short_path(each.path, here) for each in found]
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        which = " or ".join(f"--data {name}" for name in names[:3])
        raise UserError(f"there are {len(found)} sets of data; say which: {which}")
    for number, each in enumerate(names, 1):
        typer.echo(f"  {number}: {each}")
    answer = 0
    while not 1 <= answer <= len(found):
        answer = typer.prompt(f"which one? 1 to {len(found)}", type=int, default=1)
    return found[answer - 1]


def _config_folder(folder: Path) -> Path:
    """Return `conf` in `folder`, or another where that is a Hydra project's own."""
    own = folder / "conf"
    taken = any(own.glob("config*.y*ml"))
    return folder / "conf_darkmagic" if taken else own
