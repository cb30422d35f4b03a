"""`darkmagic ui`: the report's page in a browser, live while its sweep runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from darkmagic.cli.errors import Settings, cli_errors
from darkmagic.cli.options import ReadFrom, TrackingUri

__all__ = ["ui"]


def ui(
    tracking_uri: TrackingUri = None,
    out: ReadFrom = Path("runs"),
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="Of this machine; 0 for any.")
    ] = 8765,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Show every sweep in a browser, live while it runs; on this machine alone."""
    with cli_errors():
        import contextlib

        from darkmagic.cli.console import make_console
        from darkmagic.cli.serve.server import HOST, make_server
        from darkmagic.sweeps.orchestrate.page.live import LiveStore
        from darkmagic.sweeps.track.store import default_uri

        uri = default_uri(tracking_uri, out)
        store = LiveStore(uri)
        with make_server(store, port) as server:
            address = f"http://{HOST}:{server.server_address[1]}/"
            console = make_console()
            console.print(f"{address}  (Ctrl-C ends it)", soft_wrap=True, highlight=False)
            if store.missing is not None:
                told = f"no sweep at {store.missing} yet: the page shows one once it has begun"
                console.print(told, soft_wrap=True, highlight=False)
            if show:
                import webbrowser

                webbrowser.open(address)
            with contextlib.suppress(KeyboardInterrupt):
                server.serve_forever()
        Settings.read_only = True  # there is nothing to tidy up: Ctrl-C ends it at once
