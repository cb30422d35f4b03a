"""Provenance of a result: code, versions and machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

from darkmagic.distribution import DISTRIBUTION

__all__ = ["GIT_COMMIT", "provenance"]

GIT_COMMIT = "mlflow.source.git.commit"
PACKAGES = ("torch", "torchvision", "hydra-core", "mlflow", "numpy")


def provenance() -> dict[str, str]:
    """Return tags: the versions of the packages, the machine, and the user's git commit."""
    versions = {"darkmagic": _version(DISTRIBUTION)} | {name: _version(name) for name in PACKAGES}
    tags = {f"version.{name}": found for name, found in versions.items() if found}
    tags["version.python"] = platform.python_version()
    tags["machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if commit := _git("rev-parse", "HEAD"):
        changed = "-dirty" if _git("status", "--porcelain", "--untracked-files=no") else ""
        tags[GIT_COMMIT] = commit + changed
    return tags


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _git(*arguments: str) -> str:
    """Return what git prints for the current folder; empty without git or a commit."""
    try:
        done = subprocess.run(  # noqa: S603 (fixed arguments)
            ["git", *arguments],  # noqa: S607 (git as the user's PATH has it)
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
