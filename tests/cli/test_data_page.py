"""docs/data.md: its files are written and its commands run, on the repository that it describes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from webdataset import TarWriter

from commanding import run_command

pytestmark = pytest.mark.weekly

PAGE = (Path(__file__).parent.parent.parent / "docs" / "data.md").read_text()
BLOCKS = re.findall(r"```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line
    for language, _, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
    if line.startswith("darkmagic ")
]
ONE = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
CPU = ["runtime.device=cpu", "hydra.launcher.devices=cpu"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the repository of the page: images, three tables, and the files that the page shows."""
    folder = tmp_path_factory.mktemp("repository")
    one, several, grouped = ["image,label"], ["image,tags"], ["image,patient,label"]
    for index in range(60):
        label = ("cat", "dog")[index % 2]
        (folder / "photos" / label).mkdir(parents=True, exist_ok=True)
        name = f"photos/{label}/{index}.jpg"
        color = (4 * index, 200 * (label == "cat"), 90)
        Image.new("RGB", (16, 16), color).save(folder / name)
        one.append(f"{name},{label}")
        grouped.append(f"{name},{index // 4},{label}")
        several.append(f"{name},{'indoor|' if index % 3 else ''}{label}")
    (folder / "labels.csv").write_text("\n".join(one) + "\n")
    (folder / "patients.csv").write_text("\n".join(grouped) + "\n")
    (folder / "tags.csv").write_text("\n".join(several) + "\n")
    (folder / "shards").mkdir()
    for shard in ("train-000", "train-001", "val-000"):
        with TarWriter(str(folder / "shards" / f"{shard}.tar")) as writer:
            for index in range(40):
                image = Image.new("RGB", (16, 16), (4 * index, 200 * (index % 2), 90))
                writer.write({"__key__": f"{index:03}", "jpg": image, "cls": index % 2})
    for _, title, text in BLOCKS:
        if title:
            (folder / title).parent.mkdir(parents=True, exist_ok=True)
            (folder / title).write_text(text)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_page_runs(repository: Path, command: str) -> None:
    """`--dry-run` tries two trials of the checklist; other sweeps are planned."""
    arguments = shlex.split(command.removeprefix("darkmagic "))
    if arguments[0] == "init":
        arguments += ["--name", "labels"]
    elif "--dry-run" in arguments:
        if "conf" in arguments and "dataset=labels" in arguments:
            run_command("init", "--data", "labels.csv", "-n", "labels", folder=repository)
        arguments += [ONE, *CPU]
    else:
        arguments = ["checklist", "plan", *arguments[2:]]
    done = run_command(*arguments, folder=repository, DARKMAGIC_CACHE=str(repository / "cache"))
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"


def test_page_has_commands_of_each_kind() -> None:
    """It shows init, a dry run, and sweeps."""
    assert len(COMMANDS) >= 8
    assert any("init" in command for command in COMMANDS)
    assert sum("--dry-run" in command for command in COMMANDS) == 2
