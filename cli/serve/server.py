"""The server of `darkmagic ui`: reads only, and answers this machine alone."""

from __future__ import annotations

import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.report.writers.html import render
from darkmagic.checklist.report.writers.live import live_html
from darkmagic.sweeps.orchestrate.page.live import LiveStore
from darkmagic.text import printable

__all__ = ["HOST", "make_server"]

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
"""What a browser of this machine asks for: a page from elsewhere whose name was made to lead here
asks for its own.
"""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def make_server(store: LiveStore, port: int) -> ThreadingHTTPServer:
    """Return a server of the pages of `store`, at any free port for 0. It is not started yet.

    Raises `UserError` where the port is taken.
    """

    class Handler(_Handler):
        pages = store

    try:
        return _Server((HOST, port), Handler)
    except OSError as error:
        raise UserError(
            f"--port {port} cannot be used ({error.strerror}); choose another, or 0 for any"
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in a line what went wrong, but where a browser only hung up."""
        del request, client_address
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            sys.stderr.write(f"a page could not be made: {printable(error)}\n")


class _Handler(BaseHTTPRequestHandler):
    pages: LiveStore

    def do_GET(self) -> None:
        """Answer with the list of experiments, a report, or how far a sweep is."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if host not in NAMES:
            self._send(HTTPStatus.FORBIDDEN, "This server answers its own machine alone.", "plain")
            return
        path = urlsplit(self.path).path
        kind, _, name = path.lstrip("/").partition("/")
        try:
            if not kind:
                found = self.pages.experiments()
                links = {each.name: _address("experiment", each.name) for each in found}
                missing = self.pages.missing
                page = render(
                    "experiments.html.j2", experiments=found, links=links, missing=missing
                )
                self._send(HTTPStatus.OK, printable(page, keep="\n\xa0"), "html")
            elif kind == "experiment" and name:
                report, live = self.pages.report(unquote(name))
                address = _address("state", unquote(name))
                self._send(HTTPStatus.OK, live_html(report, live, address), "html")
            elif kind == "state" and name:
                live = self.pages.live(unquote(name))
                state = {"done": live.done, "total": live.total, "stamp": live.stamp}
                self._send(HTTPStatus.OK, json.dumps({**state, "text": live.text}), "json")
            else:
                self._send(HTTPStatus.NOT_FOUND, f"no page {printable(path)}", "plain")
        except UserError as error:
            self._send(HTTPStatus.NOT_FOUND, printable(error), "plain")

    def _send(self, status: HTTPStatus, text: str, kind: str) -> None:
        types = {"html": "text/html", "json": "application/json", "plain": "text/plain"}
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{types[kind]}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its base's name)
        """Print nothing: a page asks every few seconds."""


def _address(kind: str, name: str) -> str:
    return f"/{kind}/{quote(name, safe='')}"
