"""`darkmagic ui` in a real browser, on a store of MLflow in which a sweep goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shlex
import shutil
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
from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.orchestrate.page.live import LiveStore
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
    """Start the command on the store of a sweep; yield its address."""
    with _serving(ran) as (_, found):
        yield found


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command in a process of its own; yield it and the address that it prints."""
    folder.mkdir(exist_ok=True)
    pipe = subprocess.PIPE
    words = command("ui", "--port", "0")
    with subprocess.Popen(words, cwd=folder, text=True, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:\d+/", line)
        assert found, line + process.stderr.read()
        try:
            yield process, found[0]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        said = process.stderr.read().splitlines()
        assert [line for line in said if " is slow: " not in line] == []  # of a full machine


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


@pytest.mark.weekly
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
    """It says which port, and what may be asked for instead."""
    port = str(urlsplit(address).port)
    done = run_command("ui", "--port", port, folder=ran)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: --port {port} cannot be used (")


def test_store_that_is_not_there_has_no_sweep_until_it_is(ran: Path, tmp_path: Path) -> None:
    """Looking for it makes nothing; a sweep that has ended is looked up once, until it goes on."""
    live = LiveStore(_uri(tmp_path))
    assert live.missing == tmp_path / "runs" / "mlflow.db"
    assert live.experiments() == []
    with pytest.raises(UserError, match=r"no sweep at .*start one with: darkmagic checklist run"):
        live.live(NAME)
    assert not [*tmp_path.iterdir()]
    shutil.copytree(ran / "runs", tmp_path / "runs")
    (found,) = live.experiments()
    assert (found.name, live.missing) == (NAME, None)
    assert found.live.ended
    client = open_client(_uri(tmp_path))
    experiment = client.get_experiment_by_name(NAME).experiment_id
    (sweep,) = search_runs(client, experiment, {KIND: "sweep"})
    client.set_tag(
        search_runs(client, experiment, {KIND: "trial"})[0].info.run_id, STATUS, "running"
    )
    assert live.experiments() == [found]
    client.update_run(sweep.info.run_id, status="RUNNING")
    assert not live.experiments()[0].live.ended


@pytest.mark.weekly
def test_sweep_appears_in_a_list_that_was_opened_before_the_store(
    ran: Path, browser: Browser, tmp_path: Path
) -> None:
    """Nothing is made where nothing is; the list shows a sweep once there is one, keeps the focus
    when another comes, and says when nobody answers any more.
    """
    place = tmp_path / "later"
    with _serving(place) as (process, address):
        assert process.stdout is not None
        assert process.stdout.readline() == (
            f"no sweep at {place}/runs/mlflow.db yet: the page shows one once it has begun\n"
        )
        page, errors, _ = open_page(browser, address, viewport={"width": 360, "height": 740})
        expect(page.locator("main")).to_contain_text(f"No sweep yet at {place}/runs/mlflow.db")
        check_page(page)
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
        connection.request("GET", "/experiment/mine")
        assert b"no sweep at" in connection.getresponse().read()
        connection.close()
        assert not place.joinpath("runs").exists()
        shutil.copytree(ran / "runs", place / "part")
        (place / "part").rename(place / "runs")
        link = page.get_by_role("link", name=NAME)
        expect(link).to_be_visible(timeout=90_000)
        expect(page.locator("main")).to_contain_text("runs have ended")
        link.focus()
        client = open_client(_uri(place))
        client.create_experiment("unswept")
        experiment = client.get_experiment_by_name(NAME).experiment_id
        (sweep,) = search_runs(client, experiment, {KIND: "sweep"})
        trial = search_runs(client, experiment, {KIND: "trial"})[0]
        client.set_tag(trial.info.run_id, STATUS, "running")
        client.update_run(sweep.info.run_id, status="RUNNING")  # it goes on, as seeds=+2 does
        expect(page.locator("main")).to_contain_text("in training", timeout=30_000)
        expect(link).to_be_focused()
        assert not errors
    expect(page.locator("#list-state")).to_contain_text("has ended", timeout=15_000)
    page.context.close()
