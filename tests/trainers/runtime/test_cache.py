"""Downloads from a server that takes the connection and never says a word."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
import torch
from torchvision import models

from darkmagic.trainers.data.torchvision_sets import TorchvisionSet
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.runtime import cache
from darkmagic.trainers.trick import TrialSkipped
from darkmagic.trainers.tricks.pretrain import Pretrained, load_pretrained

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server:
    """A server on this machine that counts who asks, and sends all of them `answer`."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer = b""
        self._kept: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.proxy = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.asked += 1
                if self.answer:
                    connection.recv(4096)
                    connection.sendall(self.answer)
                    connection.close()
                else:
                    self._kept.append(connection)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        for each in (self._socket, *self._kept):
            each.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """All that is asked for goes to a server on this machine that answers nothing."""
    server = Server()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, server.proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(cache, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the first proxies that it saw
    yield server
    server.close()


def _weights(_: Path) -> None:
    images = torch.zeros(2, 3, 16, 16)
    Pretrained("torchvision:squeezenet1_1").edit_model(SmallResNet(8), images)


def _set(name: str) -> Callable[[Path], None]:
    return lambda folder: TorchvisionSet(name=name, root=str(folder / "images")).load(0) and None


DOWNLOADS = pytest.mark.parametrize(
    ("download", "name"),
    [
        (_weights, "download.pytorch.org"),
        (_set("CIFAR10"), "the server of CIFAR10"),
        (_set("FashionMNIST"), "the server of FashionMNIST"),
    ],
    ids=["weights", "CIFAR10", "FashionMNIST"],
)


def _skipped(download: Callable[[Path], None], folder: Path) -> str:
    with pytest.raises(TrialSkipped) as found:
        download(folder)
    return str(found.value)


@DOWNLOADS
@pytest.mark.timeout(60)
def test_a_silent_server_is_given_up_and_not_asked_again(
    download: Callable[[Path], None], name: str, tmp_path: Path, server: Server
) -> None:
    """Each trial is skipped, with where to put the file; only the first waits for the server."""
    before = socket.getdefaulttimeout()
    first = _skipped(download, tmp_path)
    assert "timed out" in first
    assert server.asked > 0
    asked = server.asked
    others = [_skipped(download, tmp_path) for _ in range(3)]
    assert server.asked == asked
    for reason in others:
        assert f"({name} sent nothing at {time.strftime('%H:')}" in reason
        assert "the next command asks it again" in reason
    for reason in (first, *others):
        assert "cannot " in reason
        assert "; put " in reason
        assert "\n" not in reason
    assert socket.getdefaulttimeout() == before


def _wait_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "REMEMBERED_SECONDS", 0.0)


def _forget(_: pytest.MonkeyPatch) -> None:
    cache.forget_silence()


def _move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "node7")


@pytest.mark.parametrize("change", [_wait_long, _forget, _move])
@pytest.mark.timeout(60)
def test_a_silent_server_is_asked_again_when_it_may_answer(
    change: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    server: Server,
) -> None:
    """It is asked after a while, by a new command, and by another machine with the same home."""
    _skipped(_weights, tmp_path)
    change(monkeypatch)
    assert "timed out" in _skipped(_weights, tmp_path)
    assert server.asked == 2


@pytest.mark.timeout(60)
def test_a_server_that_answers_is_asked_by_every_trial(tmp_path: Path, server: Server) -> None:
    """Only silence is remembered: an answer that says no costs no time."""
    server.answer = NOT_FOUND
    reasons = [_skipped(_weights, tmp_path) for _ in range(3)]
    assert server.asked == 3
    assert all("404" in reason or "Not Found" in reason for reason in reasons)


@pytest.mark.timeout(60)
def test_a_file_put_in_its_place_is_read_though_the_server_is_silent(
    tmp_path: Path, server: Server
) -> None:
    """What the message advises helps the trials of the same sweep that begin later."""
    name, kind = "squeezenet1_1", models.squeezenet1_1
    network = kind(weights=None)
    with pytest.raises(TrialSkipped):
        Pretrained(f"torchvision:{name}").edit_model(network, torch.zeros(2, 3, 64, 64))
    path = tmp_path / "hub/checkpoints" / Path(models.get_model_weights(name).DEFAULT.url).name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(kind(weights=None).state_dict(), path)
    edited = Pretrained(f"torchvision:{name}").edit_model(network, torch.zeros(2, 3, 64, 64))
    saved = torch.load(path, weights_only=True)
    assert torch.equal(edited.state_dict()["features.0.weight"], saved["features.0.weight"])
    assert load_pretrained(edited, saved, name).total == len(saved)
    assert server.asked == 1


@pytest.mark.timeout(60)
def test_where_nothing_can_be_remembered_each_trial_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server
) -> None:
    """A cache that cannot be written to changes how long it takes, and not what is said."""
    blocked = tmp_path / "no folder"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert all("timed out" in _skipped(_weights, tmp_path) for _ in range(2))
    assert server.asked == 2
    cache.forget_silence()


@pytest.mark.parametrize(
    ("error", "silent"),
    [
        (TimeoutError("The read operation timed out"), True),
        (URLError(TimeoutError("timed out")), True),
        (URLError(socket.gaierror(-3, "Temporary failure in name resolution")), True),
        (OSError(110, os.strerror(110)), True),
        (RuntimeError("Error downloading x:\nTried y, got:\n<urlopen error timed out>"), True),
        (URLError(ConnectionRefusedError(111, "Connection refused")), False),
        (HTTPError("http://x", 404, "Not Found", None, None), False),  # type: ignore[arg-type]
        (OSError(28, "No space left on device"), False),
        (RuntimeError("File not found or corrupted."), False),
        (ConnectionResetError(104, "Connection reset by peer"), False),
    ],
    ids=str,
)
def test_silence_is_told_from_other_failures(error: Exception, *, silent: bool) -> None:
    """A server that was reached, or refused at once, was not silent."""
    assert cache.is_silence(error) is silent
