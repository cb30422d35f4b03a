"""Downloads from a server that takes the connection and never says a word."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from darkmagic.trainers.data.torchvision_sets import TorchvisionSet
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.runtime import cache
from darkmagic.trainers.trick import TrialSkipped
from darkmagic.trainers.tricks.pretrain import Pretrained


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """All that is asked for goes to a server on this machine that answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
        monkeypatch.setattr(cache, "SILENT_SECONDS", 0.2)
        yield


def _weights(_: Path) -> None:
    images = torch.zeros(2, 3, 16, 16)
    Pretrained("torchvision:resnet18").edit_model(SmallResNet(8), images)


def _images(folder: Path) -> None:
    TorchvisionSet(name="CIFAR10", root=str(folder / "images")).load(0)


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("download", [_weights, _images])
@pytest.mark.timeout(60)
def test_a_silent_server_is_given_up(download: Callable[[Path], None], tmp_path: Path) -> None:
    """The trial is skipped, with where to put the file; other sockets wait as they did."""
    before = socket.getdefaulttimeout()
    with pytest.raises(TrialSkipped, match=r"cannot (be )?download.*; put "):
        download(tmp_path)
    assert socket.getdefaulttimeout() == before
