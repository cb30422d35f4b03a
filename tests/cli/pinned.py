"""The files that name images, copied with every image pinned."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["DIGEST", "FILES", "copy_pinned"]

FILES = ("docker/Dockerfile", "docker/mlflow/Dockerfile", "docker/compose.yaml")
DIGEST = "sha256:" + "0123456789abcdef" * 4


def copy_pinned(repo: Path, folder: Path) -> None:
    """Copy `FILES` of `repo` to `folder`, each image at `DIGEST`: they come without or with one."""
    for name in FILES:
        text = re.sub(r"@sha256:\w+", "", (repo / name).read_text())
        bases = r"^(ARG BASE\w*=\S+|    image: \S+:\S+)"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(re.sub(bases, rf"\1@{DIGEST}", text, flags=re.MULTILINE))
