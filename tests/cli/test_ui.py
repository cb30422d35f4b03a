"""`darkmagic ui` in a real browser, on a store of MLflow in which a sweep goes on."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

import commanding
from browsing import check_page, open_page, start_chromium
from commanding import TINY, command, run_command
from darkmagic.sweeps.track.schema.tags import EPOCHS_SENT, KIND, STATUS
from darkmagic.sweeps.track.store import open_client, search_runs

ONE = "checklist.tricks=[{name: mixup, section: regularisation, options: ['off', 'on']}]"
NAME = "mine & <yours>/50%"
"""An experiment of which an address and a page could each make something else."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium."""
    with start_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a sweep of two trials, whose experiment is then named anew; return its folder."""
    folder = tmp_path_factory.mktemp("ui")
    words = ["checklist", "run", "--skip-preflight", *TINY, ONE, "epochs=1", "seeds=2"]
    done = run_command(*words, folder=folder, DARKMAGIC_CACHE=str(folder))
    assert done.returncode == 0, done.stderr
    client = open_client(_uri(folder))
    for experiment in client.search_experiments():
        if experiment.experiment_id != "0":
            client.rename_experiment(experiment.experiment_id, NAME)
    return folder


@pytest.fixture(scope="module")
def address(ran: Path) -> Iterator[str]:
    """Start the command in a process of its own; yield the address that it prints."""
    pipe = subprocess.PIPE
    words = command("ui", "--port", "0")
    with subprocess.Popen(words, cwd=ran, text=True, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:\d+/", line)
        assert found, line + process.stderr.read()
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


def _uri(folder: Path) -> str:
    return f"sqlite:///{folder}/runs/mlflow.db"


def _set_status(folder: Path, status: str) -> str:
    """Give the trick's last run another status, as a sweep that goes on does; return its name."""
    client = open_client(_uri(folder))
    experiment = client.get_experiment_by_name(NAME)
    runs = search_runs(client, experiment.experiment_id, {KIND: "trial"})
    run = max(runs, key=lambda run: run.info.run_name)
    client.set_tag(run.info.run_id, STATUS, status)
    client.set_tag(run.info.run_id, EPOCHS_SENT, json.dumps({"epoch": 1}))
    return str(run.info.run_name)


def test_page_follows_a_sweep_that_goes_on(ran: Path, browser: Browser, address: str) -> None:
    """The list leads to the report, which shows progress and new results by itself, and waits with
    those where it is in use.
    """
    name = _set_status(ran, "running")
    page, errors, requests = open_page(browser, address, viewport={"width": 360, "height": 740})
    check_page(page)
    page.get_by_role("link", name=NAME).click()
    check_page(page)
    expect(page.locator("#live-text")).to_contain_text(f"in training: {name} epoch 1 of 1")
    expect(page.locator("h2").first).to_contain_text("Nothing is decided yet: 1 run to go")
    _set_status(ran, "finished")
    expect(page.locator("#live-text")).not_to_contain_text("in training", timeout=15_000)
    expect(page.locator("h2").first).not_to_contain_text("to go", timeout=15_000)
    page.get_by_text("The exact statement").click()
    _set_status(ran, "running")
    expect(page.get_by_role("button", name="Show what is new")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Show what is new").click()
    expect(page.locator("h2").first).to_contain_text("1 run to go")
    assert not errors
    assert all(request.startswith(address) for request in requests)
    _set_status(ran, "finished")
    page.context.close()


PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text()
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
BEGINNINGS = {
    "html": b"<!DOCTYPE html>",
    "svg": b"<?xml",
    "png": b"\x89PNG",
    "md": b"# ",
    "txt": b"article-tiny-resnet8: what each trick does",
}
"""Of what a command of the page writes, by the ending of the file that it goes to."""


def test_commands_of_the_page_write_what_they_say(ran: Path, tmp_path: Path) -> None:
    """Each command of docs/report.md ends well; those of `ui` are tried by the other tests here."""
    reports = [line for line in COMMANDS if line.startswith("darkmagic report")]
    assert len(reports) == 6
    for line in reports:
        words, _, file = line.partition(" > ")
        output = tmp_path / (file or "report.txt")
        output.mkdir()
        _, *arguments = shlex.split(words)
        assert commanding._warm.run(arguments, ran, dict(os.environ), output) == 0
        written = (output / "stdout").read_bytes()
        assert written.startswith(BEGINNINGS[output.suffix[1:]])
    options = [line.split()[2:] for line in COMMANDS if line.startswith("darkmagic ui")]
    assert options == [[], ["--port", "0", "--open"]]


REFUSED = {
    "another name of this machine": ("GET", "/", {"Host": "evil.example"}, 403),
    "no host": ("GET", "/", {"Host": ""}, 403),
    "an experiment that is not there": ("GET", "/experiment/none", {}, 404),
    "an experiment without a sweep": ("GET", "/experiment/Default", {}, 404),
    "no experiment": ("GET", "/experiment/", {}, 404),
    "a file": ("GET", "/../../etc/passwd", {}, 404),
    "a script as a name": ("GET", "/state/%3Cscript%3E", {}, 404),
    "writing": ("POST", "/", {}, 501),
}


@pytest.mark.parametrize(("method", "path", "headers", "status"), REFUSED.values(), ids=[*REFUSED])
def test_server_refuses_what_it_has_not(
    address: str, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """Each is answered with its status, in plain text that no browser takes for a page."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == status
    assert answer.read()
    if status != 501:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    connection.close()


def test_port_that_is_taken_is_an_error_in_a_line(ran: Path, address: str) -> None:
    """And so is a store that is not there."""
    port = str(urlsplit(address).port)
    done = run_command("ui", "--port", port, folder=ran)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: --port {port} cannot be used (")
    done = run_command("ui", "--out", "nowhere", folder=ran)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no tracking store at ")
