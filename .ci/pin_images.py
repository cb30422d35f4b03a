"""The images that ours are built on and run beside, pinned to what a registry has today.

python .ci/pin_images.py            # write the digest of each behind its tag, old ones anew
python .ci/pin_images.py --check    # those that are not pinned, a line each

A tag such as ubuntu:24.04 is another image next month; ubuntu:24.04@sha256:... is not. skopeo asks
the registries (`apt-get install skopeo`), for the digest of the image of all architectures.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
PIN = "python .ci/pin_images.py"
FILES = ("docker/Dockerfile", "docker/mlflow/Dockerfile", "docker/compose.yaml")
IMAGE = re.compile(
    r"^(?P<before>ARG BASE\w*=|(?<!build: mlflow\n) +image: )(?P<name>[^\s@]+)(?P<digest>@\S+)?",
    re.MULTILINE,
)
"""What a Dockerfile is built on, or compose runs; not what compose builds of our own."""
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")
SECONDS = 120


def unpinned(repo: Path = REPO) -> list[str]:
    """Return a line for each image that is a tag alone."""
    return [
        f"{name}: {found['name']} is not pinned to a digest: {PIN}"
        for name, text in _texts(repo)
        for found in IMAGE.finditer(text)
        if not DIGEST.fullmatch(found["digest"] or "")
    ]


def pin(repo: Path = REPO) -> list[str]:
    """Write the digest of each image; return the images. Raises `ValueError` without an answer.

    All registries have answered before the first file is written.
    """
    texts = dict(_texts(repo))
    names = {found["name"] for text in texts.values() for found in IMAGE.finditer(text)}
    digests = {name: digest_of(name) for name in sorted(names)}
    for name, text in texts.items():
        pinned = IMAGE.sub(lambda m: f"{m['before']}{m['name']}@{digests[m['name']]}", text)
        (repo / name).write_text(pinned)
    return [f"{name}@{digest}" for name, digest in digests.items()]


def digest_of(image: str) -> str:
    """Return the digest that the registry of `image` has for its tag."""
    command = ["skopeo", "inspect", "--no-tags", "--format", "{{.Digest}}", f"docker://{image}"]
    try:
        done = subprocess.run(  # noqa: S603 (names of our own files)
            command, capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except FileNotFoundError:
        raise ValueError("no skopeo on this machine: apt-get install skopeo") from None
    except subprocess.SubprocessError as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1]
        raise ValueError(f"{image}: its registry does not answer: {said}") from None
    digest = done.stdout.strip()
    if not DIGEST.fullmatch(f"@{digest}"):
        raise ValueError(f"{image}: skopeo names no digest, but {digest!r}")
    return digest


def _texts(repo: Path) -> Iterator[tuple[str, str]]:
    for name in FILES:
        yield name, (repo / name).read_text()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(f"usage: {PIN} [--check]")
    if sys.argv[1:]:
        lines = unpinned()
        print("".join(f"{line}\n" for line in lines), end="", file=sys.stderr)
        sys.exit(bool(lines))
    try:
        print("\n".join(pin()))
    except ValueError as error:
        sys.exit(str(error))
