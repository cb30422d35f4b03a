"""Images of others are pinned to what their registry has, by a script and its check."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from machines import until
from pinned import DIGEST, FILES, copy_pinned
from servers import free_port

REPO = Path(__file__).parent.parent
REGISTRY = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/blobs}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
INSECURE = '[[registry]]\nlocation = "127.0.0.1:{port}"\ninsecure = true\n'


def _pin(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    script = folder / ".ci" / "pin_images.py"
    script.parent.mkdir(exist_ok=True)
    shutil.copy(REPO / ".ci" / "pin_images.py", script)
    return subprocess.run(
        [sys.executable, str(script), *words],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_every_image_of_others_is_looked_at(tmp_path: Path) -> None:
    """With a digest none is named, without one each is: bases, and what compose runs of others."""
    copy_pinned(REPO, tmp_path)
    done = _pin(tmp_path, "--check")
    assert (done.returncode, done.stderr) == (0, "")
    named = 0
    for name in FILES:
        text = (tmp_path / name).read_text()
        named += text.count(DIGEST)
        (tmp_path / name).write_text(text.replace(f"@{DIGEST}", ""))
    done = _pin(tmp_path, "--check")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == named == 5
    assert "darkmagic-mlflow" not in done.stderr  # which compose builds
    assert _pin(tmp_path, "--chek").stderr == "usage: python .ci/pin_images.py [--check]\n"


def test_registry_that_does_not_answer_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    """Nor does a machine without skopeo: it is said what to install."""
    copy_pinned(REPO, tmp_path)
    before = {name: (tmp_path / name).read_text() for name in FILES}
    done = _pin(tmp_path, PATH="/nowhere")
    assert (done.returncode, done.stderr) == (
        1,
        "no skopeo on this machine: apt-get install skopeo\n",
    )
    answers = tmp_path / "skopeo"
    for said, code, told in (
        ("fatal: no such host", 1, "ubuntu:24.04: its registry does not answer: fatal: no such"),
        ("sha256:12", 0, "skopeo names no digest, but 'sha256:12'"),
    ):
        # the other images are answered for
        good = f'case "$*" in *ubuntu:24*) echo "{said}" >&{2 if code else 1}; exit {code};; esac'
        answers.write_text(f"#!/bin/sh\n{good}\necho {DIGEST}\n")
        answers.chmod(0o755)
        done = _pin(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
        assert done.returncode == 1
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert {name: (tmp_path / name).read_text() for name in FILES} == before


def _blob(layout: Path, content: bytes) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def _two_architectures(layout: Path) -> None:
    """Make an image of two architectures, with nothing in it."""
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    of = "application/vnd.oci.image"
    manifests = []
    for architecture in ("amd64", "arm64"):
        platform = {"architecture": architecture, "os": "linux"}
        empty = {"type": "layers", "diff_ids": []}
        config = _blob(layout, json.dumps({**platform, "rootfs": empty}).encode())
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{of}.manifest.v1+json",
            "config": {"mediaType": f"{of}.config.v1+json", **config},
            "layers": [],
        }
        entry = _blob(layout, json.dumps(manifest).encode())
        manifests.append({"mediaType": f"{of}.manifest.v1+json", "platform": platform, **entry})
    index = {"schemaVersion": 2, "mediaType": f"{of}.index.v1+json", "manifests": manifests}
    whole = {"mediaType": f"{of}.index.v1+json", **_blob(layout, json.dumps(index).encode())}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [whole]}))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[int]:
    """Return the port of a real registry, which has nothing yet."""
    missing = [name for name in ("docker-registry", "skopeo") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {missing}")
    port, config = free_port(), tmp_path / "registry.yml"
    config.write_text(REGISTRY.format(folder=tmp_path, port=port))
    with (tmp_path / "registry.log").open("w") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=log, stderr=log
        )
    try:

        def answers() -> bool:
            assert process.poll() is None, (tmp_path / "registry.log").read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        until(answers, 30)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.weekly
def test_images_are_pinned_to_what_a_real_registry_has(registry: int, tmp_path: Path) -> None:
    """By the digest of the image of all architectures, in each file; a second time anew."""
    _two_architectures(tmp_path / "layout")
    settings = tmp_path / ".config" / "containers" / "registries.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(INSECURE.format(port=registry))
    source, names = f"oci:{tmp_path}/layout", ("cuda:1", "ubuntu:24", "python:3", "pg:17", "s3:1")
    listed = json.loads((tmp_path / "layout" / "index.json").read_text())
    digest = listed["manifests"][0]["digest"]
    for name in names:
        place = f"docker://127.0.0.1:{registry}/{name}"
        copy = ["skopeo", "copy", "--quiet", "--all", "--dest-tls-verify=false", source, place]
        subprocess.run(copy, check=True, timeout=60)
    copy_pinned(REPO, tmp_path)
    images = iter(names)
    for file in FILES:
        text = re.sub(
            r"((?:BASE\w*=|image: ))\S+@sha256:\w+",
            lambda found: f"{found[1]}127.0.0.1:{registry}/{next(images)}",
            (tmp_path / file).read_text(),
        )
        (tmp_path / file).write_text(text)
    unpinned = {file: (tmp_path / file).read_text() for file in FILES}
    for _ in range(2):
        done = _pin(tmp_path, HOME=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert sorted(done.stdout.split()) == sorted(
            f"127.0.0.1:{registry}/{name}@{digest}" for name in names
        )
        assert _pin(tmp_path, "--check").returncode == 0
        for file, text in unpinned.items():
            pinned = (tmp_path / file).read_text()
            assert pinned != text
            assert pinned.replace(f"@{digest}", "") == text
