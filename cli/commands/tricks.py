"""`darkmagic tricks`: the inventory, and one trick's card."""

from __future__ import annotations

from typing import Annotated

import typer

from darkmagic.cli.errors import cli_errors
from darkmagic.cli.options import ConfigDirs

__all__ = ["tricks"]


def tricks(
    name: Annotated[str | None, typer.Argument(help="A trick, for its card.")] = None,
    config_dir: ConfigDirs = None,
) -> None:
    """Show the tricks with their options, or one trick's card."""
    with cli_errors():
        from rich.text import Text

        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.tables import tricks_table
        from darkmagic.sweeps.api import trick_cards

        cards = trick_cards(config_dir or (), name)
        console = make_console()
        if name is None:
            console.print(tricks_table([(c.name, c.options, c.summary) for c in cards]))
            console.print("One trick's card: darkmagic tricks NAME")
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
