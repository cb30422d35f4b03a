"""`darkmagic init`, as a command: asks nothing without a terminal, and what it writes composes."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from commanding import command, run_command


def _photos(folder: Path) -> None:
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for index in range(10):
            color = (20 * index, 0, 200 * (label == "cat"))
            Image.new("RGB", (12, 12), color).save(folder / label / f"{index}.png")


def test_init_writes_what_the_next_command_takes(tmp_path: Path) -> None:
    """One set of data is no question; the command that is shown plans the sweep."""
    _photos(tmp_path / "photos")
    done = run_command("init", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "photos: a folder of images: 20 images, 2 classes (cat 10, dog 10)" in done.stdout
    words = done.stdout.partition("darkmagic checklist run -c ")[2].partition("\n")[0].split()
    planned = run_command("checklist", "plan", "-c", *words, folder=tmp_path)
    assert planned.returncode == 0, planned.stderr
    again = run_command("init", folder=tmp_path)
    assert again.returncode == 0, again.stderr


def test_several_sets_are_asked_about_at_a_terminal_alone(tmp_path: Path) -> None:
    """Without one it is an error that names the flags, and nothing is written."""
    for name in ("a", "b"):
        _photos(tmp_path / name)
    done = run_command("init", folder=tmp_path)
    assert done.returncode == 2
    assert "say which: --data a or --data b" in done.stderr
    assert not (tmp_path / "conf").exists()
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command("init"), cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower
    )
    os.write(leader, b"2\n")
    assert process.wait(timeout=120) == 0
    os.close(follower)
    os.close(leader)
    assert (tmp_path / "conf" / "dataset" / "b.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no folder nowhere"),
        ([], "no data and no training script found in .; name the data with --data"),
        (["--data", "gone.csv"], "--data gone.csv: there is no such file or folder"),
        (["--data", "empty"], "--data empty: it has no folders of images"),
        (["--data", "x.csv", "--label", "z"], "no column 'z'"),
        (["--data", "x.csv"], "2 of 2 images are not in"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    """With exit code 2, and nothing is written."""
    (tmp_path / "empty").mkdir()
    if "x.csv" in arguments:
        (tmp_path / "x.csv").write_text("image,label\na.png,a\nb.png,b\n")
    done = run_command("init", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "conf").exists()
