"""The GitHub Action: valid to GitHub's schemas, and its steps, run as a job runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).parent.parent
FOLDER = REPO / ".github" / "actions" / "checklist"
ACTION: dict[str, Any] = yaml.safe_load((FOLDER / "action.yml").read_text())
SMALL = (
    "dataset=tiny model.build.width=8 hydra.launcher.devices=cpu runtime.device=cpu epochs=1 "
    "\"checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]\""
)
SCHEMAS = {
    "vendor.github-actions": sorted((REPO / ".github" / "actions").rglob("action.yml")),
    "vendor.github-workflows": sorted((REPO / ".github" / "workflows").glob("*.yml")),
    "vendor.dependabot": [REPO / ".github" / "dependabot.yml"],
    "vendor.github-issue-config": [REPO / ".github" / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.github-issue-forms": [
        REPO / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml" for name in ("bug", "trick")
    ],
    "vendor.citation-file-format": [REPO / "CITATION.cff"],
    "custom.github-workflows-require-timeout": sorted((REPO / ".github/workflows").glob("*.yml")),
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_are_what_github_takes(schema: str) -> None:
    """Actions, workflows and dependabot's file keep to the schemas that are published for them."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    assert SCHEMAS[schema]
    done = subprocess.run(
        [*check, *map(str, SCHEMAS[schema])], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


TAKES_ROOT = re.compile(r"missing_tools\(\)|get(?:e?)uid\(\) != 0|\"unshare\", \"--pid\"")
WITHOUT_ROOT = {
    "tests/faults/test_disk.py": "mounts in a namespace of its own, where this user is root",
    "tests/faults/test_unreadable_folders.py": "is a user who is not root already",
    "tests/test_images.py": "an image takes 40 GiB, which a runner has not",
}
"""Files that say what is root's, and why the weekly workflow need not run them as root."""


def test_what_takes_root_is_run_as_root_every_week() -> None:
    """Tests that are skipped without root's rights are in a step that has them: all of a file."""
    weekly = yaml.safe_load((REPO / ".github" / "workflows" / "weekly.yml").read_text())
    runs = [step.get("run", "") for step in weekly["jobs"]["slow"]["steps"]]
    paths = [
        word
        for run in runs
        if run.startswith("sudo -E .venv/bin/pytest") and "-k" not in run
        for word in run.split()
        if word.startswith("tests/")
    ]
    assert "tests/clusters -k slurm" in " ".join(runs)
    for path in sorted((REPO / "tests").rglob("test_*.py")):
        name, text = path.relative_to(REPO).as_posix(), path.read_text()
        if path == Path(__file__) or not TAKES_ROOT.search(text) or name in WITHOUT_ROOT:
            continue
        if path.parent.name == "clusters" and path.parent.parent.name == "tests":
            marked = re.findall(r"^@.*missing_tools\(\)(?:.*\n)+?def (\w+)", text, re.MULTILINE)
            assert all("slurm" in each for each in (marked or [path.name])), name
        else:
            assert any(name.startswith(f"{each}/") for each in paths), name


def test_scripts_of_the_action_parse_and_stand_in_its_steps() -> None:
    """Each script beside the action is started by a step, and bash finds no error in any."""
    runs = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    for script in FOLDER.glob("*.sh"):
        subprocess.run(["bash", "-n", script], check=True)
        assert any(script.name in run for run in runs)
    for run in runs:
        subprocess.run(["bash", "-n", "-c", run], check=True)
        assert "${{" not in run, "a script that an expression writes can be written by others"


@dataclass
class Job:
    """What a job that used the action has left."""

    code: int
    summary: str
    outputs: dict[str, str]
    log: str
    kept: list[str]  # patterns of what is uploaded


def _value(text: str, known: Mapping[str, str]) -> str:
    """Return `text` with its expressions replaced, which are names and nothing else."""
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: known.get(found[1], ""), text)


def _is_due(step: Mapping[str, Any], known: Mapping[str, str]) -> bool:
    if "if" not in step:
        return True
    name, value = re.fullmatch(r"([\w.-]+) != '(.*)'", step["if"]).groups()  # type: ignore[union-attr]
    return known.get(name, "") != value


def use_action(folder: Path, **inputs: str) -> Job:
    """Run the steps of the action in `folder`, as GitHub's runner does."""
    unknown = inputs.keys() - {name.replace("-", "_") for name in ACTION["inputs"]}
    assert not unknown
    known = {
        f"inputs.{name}": inputs.get(name.replace("-", "_"), str(declared["default"]))
        for name, declared in ACTION["inputs"].items()
    }
    log, kept, code = "", [], 0
    for step in ACTION["runs"]["steps"]:
        if code or not _is_due(step, known):
            continue
        if "uses" in step:
            kept += _value(step["with"]["path"], known).split()
            continue
        output, summary = folder / "output", folder / "summary"
        output.write_text("")
        env = {name: _value(text, known) for name, text in step.get("env", {}).items()}
        where = _value(step.get("working-directory", "."), known)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=folder / where,
            env={
                **os.environ,
                **env,
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_ACTION_PATH": str(FOLDER),
                "DARKMAGIC_CACHE": str(folder / "cache"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        log, code = log + done.stdout + done.stderr, done.returncode
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            known[f"steps.{step['id']}.outputs.{name}"] = value
    outputs = {name: _value(each["value"], known) for name, each in ACTION["outputs"].items()}
    text = (folder / "summary").read_text() if (folder / "summary").exists() else ""
    return Job(code, text, outputs, log, kept)


def _use(folder: Path, **inputs: str) -> Job:
    return use_action(folder, python=sys.executable, install="", **inputs)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"dry_run": "yes"}, "dry-run: 'yes'; choose from true, false"),
        ({"expect": "better"}, "a dry run has no verdicts"),
        ({"overrides": "seeds=2", "command": "-- python a.py"}, "give one of them"),
        ({"command": "-- python a.py"}, "set dry-run: false"),
        ({"overrides": "epocs=3"}, "did you mean epochs"),
        ({"overrides": "seeds=2 'a b"}, "overrides: No closing quotation"),
        ({"command": '-- "python', "dry_run": "false"}, "command: No closing quotation"),
        ({"of": "'", "dry_run": "false"}, "of: No closing quotation"),
    ],
)
def test_bad_input_ends_the_job_and_stands_in_its_summary(
    inputs: dict[str, str], said: str, tmp_path: Path
) -> None:
    """What cannot run ends with code 2, says why in log and summary, and leaves nothing behind."""
    job = _use(tmp_path, **inputs)
    assert job.code == 2
    assert job.outputs["code"] == "2"
    assert said in job.log
    assert said in job.summary
    assert Path(job.outputs["comment"]).read_text() == job.summary
    assert not (tmp_path / "runs").exists()
    assert job.kept == []


def test_words_are_never_run_by_the_shell(tmp_path: Path) -> None:
    """What an input holds is words of a command, whatever a shell would make of it."""
    hostile = ("$(touch made)", "`touch made`", "; touch made", "a && touch made")
    words = " ".join(f'"{each}"' for each in hostile)
    job = _use(tmp_path, overrides=words, name=hostile[0], of=words, out=hostile[1])
    assert job.code == 2
    assert hostile[0] in job.summary
    assert not (tmp_path / "made").exists()


@pytest.mark.weekly
def test_dry_run_puts_its_table_into_the_summary(tmp_path: Path) -> None:
    """A dry run trains two steps of each trial, keeps nothing, and ends by how that went."""
    job = _use(tmp_path, overrides=SMALL)
    assert job.code == 0, job.log
    assert "dry run: 2 of 2 trials work" in job.summary
    assert "mixup=on" in job.summary
    assert job.outputs["report"] == ""
    assert not (tmp_path / "runs").exists()


@pytest.mark.weekly
def test_sweep_ends_by_its_verdicts_and_leaves_table_picture_and_page(tmp_path: Path) -> None:
    """A sweep's summary has verdict, picture and table; a claim that does not hold is code 3."""
    learnable = SMALL.replace("dataset=tiny", "dataset=digits").replace("epochs=1", "epochs=4")
    learnable = learnable.replace("width=8", "width=16") + " seeds=2 baseline_repeats=2"
    job = _use(tmp_path, overrides=learnable, dry_run="false", expect="better", of="mixup=on")
    assert job.code == 3, job.log
    assert "not as expected (better): mixup=on is" in job.summary
    assert "| `mixup=on` |" in job.summary
    assert re.search(r"^mixup=on +[-o|<> ]+ [+-]\d", job.summary, re.MULTILINE)
    assert Path(job.outputs["comment"]).read_text() == job.summary
    found = {path.name for pattern in job.kept for path in Path("/").glob(pattern.lstrip("/"))}
    assert {"report.html", "report.md", "effects.svg"} <= found
    again = _use(tmp_path, overrides=learnable, dry_run="false")
    assert again.code == 0
    wrong = _use(tmp_path, overrides=learnable, dry_run="false", expect="better", of="mixup=of")
    assert wrong.code == 2
    assert "did you mean mixup=on" in wrong.log


@pytest.mark.weekly
def test_command_of_ones_own_is_compared(tmp_path: Path) -> None:
    """The words behind `darkmagic compare` are a sweep of a script of the repository."""
    script = "import sys\nprint('METRIC acc=0.%d' % (5 + ('--more' in sys.argv)))\n"
    (tmp_path / "mine.py").write_text(script)
    command = "-m acc --change 'more=--more' --seeds 2 --check '' -- python mine.py"
    job = _use(tmp_path, command=command, dry_run="false", expect="no-worse")
    assert job.code == 0, job.log
    assert "as expected: no-worse" in job.summary
    assert "| `more=on` |" in job.summary
