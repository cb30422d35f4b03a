"""`darkmagic tricks`: the inventory, one trick's card, and what tricks do to a network."""

from __future__ import annotations

from typing import Annotated

import typer

from darkmagic.cli.errors import cli_errors
from darkmagic.cli.options import ConfigDirs

__all__ = ["tricks"]


def tricks(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]", help="A trick, for its card; with --on, further overrides."
        ),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", help="Try each trick on this network: model=resnet18."),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", "-f", help="With --on: md, html or json to stdout.")
    ] = None,
    config_dir: ConfigDirs = None,
) -> None:
    """Show the tricks with their options, one trick's card, or what each does to a network.

    With --on nothing is trained: each option is applied alone to the network of the overrides.
    """
    with cli_errors():
        from darkmagic.checklist.errors import UserError

        given = words or []
        if on:
            _show_on([*on, *given], config_dir or [], form)
            return
        if form is not None:
            raise UserError("--format is of the table that --on model=NAME gives")
        if len(given) > 1 or any("=" in word for word in given):
            raise UserError(
                f"tricks takes the name of one trick, and got {' '.join(given)}; to try tricks on "
                "a network: --on model=NAME"
            )
        _show_cards(given[0] if given else None, config_dir or [])


def _show_on(overrides: list[str], config_dirs: ConfigDirs, form: str | None) -> None:
    from darkmagic.checklist.errors import UserError, nearest
    from darkmagic.checklist.report.writers.network import FORMATS, write_network
    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.tables import network_table
    from darkmagic.sweeps.api import tricks_on

    if form is not None and form not in FORMATS:
        raise UserError(f"no format {form!r} of this table; " + nearest(form, FORMATS))
    with make_console(stderr=True).status("trying each trick"):
        name, rows = tricks_on(overrides, config_dirs or ())
    if form is not None:
        typer.echo(write_network(f"Tricks on {name}", rows, form), nl=False)
        return
    make_console().print(network_table(rows))


def _show_cards(name: str | None, config_dirs: ConfigDirs) -> None:
    from rich.text import Text

    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.tables import tricks_table
    from darkmagic.sweeps.api import trick_cards

    cards = trick_cards(config_dirs or (), name)
    console = make_console()
    if name is None:
        console.print(tricks_table([(c.name, c.options, c.summary) for c in cards]))
        console.print("One trick's card: darkmagic tricks NAME")
        console.print("What they do to a network: darkmagic tricks --on model=NAME")
        return
    (card,) = cards
    console.print(Text(card.card))
    console.print()
    for option in card.options:
        fields = ", ".join(f"{key}={value}" for key, value in card.fields[option].items())
        console.print(Text(f"  trick/{card.name}={option}" + (f"  ({fields})" * bool(fields))))
        for field, takes in card.ranges[option].items():
            if field in card.fields[option]:
                console.print(Text(f"      {field}: {takes}"))
