"""Tracking servers that are slow or silent: training does not wait, and a line says who does."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from commanding import TINY, command
from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import slow
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.sweeps.track.store import open_client
from servers import running_mlflow

SECONDS_A_CALL = 3.0
WORDS = [
    *("checklist", "run", *TINY, "epochs=2", "seeds=2", "baseline_repeats=2"),
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]",
    *("model.build.width=4", "--skip-preflight"),
]


def test_silent_server_is_waited_for_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that takes calls and answers none: the line, then the error; there was silence before."""
    monkeypatch.setattr(slow, "SLOW_SECONDS", 0.1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://me:s3cret@127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UserError, match="does not answer"):
            open_client(uri)
    said = capsys.readouterr().err
    assert "is slow: waiting up to a minute for its first answer" in said
    assert "s3cret" not in said


class _Delayed(BaseHTTPRequestHandler):
    """Hands each call on to `server.target` after `SECONDS_A_CALL`."""

    def do_any(self) -> None:
        time.sleep(SECONDS_A_CALL)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        host = self.server.target  # type: ignore[attr-defined]
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(content)))
        connection.close()
        with contextlib.suppress(BrokenPipeError):  # it asks again, as the machine is slow too
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_any  # noqa: N815 - as the library has it

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def _delayed(address: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Delayed)
    server.target = address.rpartition("/")[2]  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _run(folder: Path, uri: str) -> float:
    """Run a sweep; return after how many seconds its first trial started."""
    folder.mkdir()
    began, first = time.monotonic(), None
    words = command(*WORDS, f"runtime.tracking_uri={uri}", "-n", folder.name)
    with subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if first is None and re.search(r"\bstarted$", line.rstrip()):
                first = time.monotonic() - began
    assert process.returncode == 0, "".join(said)
    assert first is not None, "".join(said)
    return first


@pytest.mark.weekly
@pytest.mark.timeout(1200)
def test_slow_server_delays_the_first_trial_by_a_few_calls(tmp_path: Path) -> None:
    """At 3 s a call all is sent, and the first trial waits for at most six of the calls."""
    with running_mlflow(tmp_path) as fast:
        usual = _run(tmp_path / "fast", fast)
        with _delayed(fast) as uri:
            first = _run(tmp_path / "slow", uri)
        print(f"first trial after {usual:.0f} s, {first:.0f} s at {SECONDS_A_CALL:.0f} s a call")
        assert first < usual + 6 * SECONDS_A_CALL
        for row in load_report(fast, "slow").comparison.rows:
            assert sum(row.statuses.values()) == 2
