"""What people install: the distribution's name, its metadata, and what every page says of it."""

from __future__ import annotations

import ast
import io
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from readme_renderer import markdown
from typer.testing import CliRunner

from darkmagic.cli.main import app
from darkmagic.distribution import DISTRIBUTION, install_extra
from darkmagic.sweeps import api
from pinned import copy_pinned

REPO = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
INSTALLER = re.compile(
    r"\b(?:pip3?|uv|uvx|pipx|conda|poetry|pdm|rye)\b[^\n]*?"
    r"(?:\b(?:install|add|tool|run --with|--from)\b)?[^\n]*?"
    r"(?<![\w./-])darkmagic(?P<after>\[[\w,]*\]|[=~<>!]=[\w.]+)"
)
"""A command that names `darkmagic` with an extra or a version: the stranger's distribution."""
BARE = re.compile(
    r"\b(?:pip3? install|uv add|uv tool install|uv pip install|pipx install|pipx run|uvx)"
    r"(?: +-\S+(?: +\S+\.txt)?)* +['\"]?darkmagic(?![\w-])"
)


def _texts() -> list[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    found = []
    for name in filter(None, listed):
        path = REPO / name
        if path.is_file() and path != Path(__file__):
            found.append((name, path.read_bytes().decode(errors="replace")))
    return found


def _strangers(text: str) -> list[str]:
    return [match[0] for pattern in (INSTALLER, BARE) for match in pattern.finditer(text)]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("pip install darkmagic", True),
        ("pip install darkmagic[timm]", True),
        ("pip install 'darkmagic[timm]'", True),
        ("python -m pip install -U darkmagic", True),
        ("pip install -c constraints.txt darkmagic", True),
        ('uv add "darkmagic==0.1.0"', True),
        ("uv tool install darkmagic", True),
        ("uvx darkmagic report", True),
        ("pipx run darkmagic", True),
        ("pip install darkmagic-checklist", False),
        ("pip install 'darkmagic-checklist[timm]'", False),
        ("uvx --from darkmagic-checklist darkmagic report", False),
        ("uv run darkmagic report", False),
        ("pip install uv && uv run darkmagic checklist run", False),
        ("docker build -t darkmagic .", False),
    ],
)
def test_stranger_of_our_name_is_recognised(line: str, wrong: bool) -> None:
    """The patterns find commands that install another project's `darkmagic`, and no others."""
    assert bool(_strangers(line)) is wrong


def test_no_page_or_message_installs_another_projects_distribution() -> None:
    """Whatever the repository says to install is called `darkmagic-checklist`."""
    texts = _texts()
    assert {"README.md", "pyproject.toml", "sweeps/conf/model/timm.yaml"} <= {n for n, _ in texts}
    wrong = {name: found for name, text in texts if (found := _strangers(text))}
    assert wrong == {}


def test_extras_that_messages_name_exist() -> None:
    """Each extra that the code tells a user to install is one of `pyproject.toml`'s."""
    assert PROJECT["name"] == DISTRIBUTION
    named = {
        extra
        for name, text in _texts()
        for pattern in (r"install_extra\(['\"](\w+)['\"]\)", rf"{DISTRIBUTION}\[(\w+)\]")
        for extra in re.findall(pattern, text)
        if not name.startswith("tests/")
    }
    assert {"timm", "data"} <= named <= set(PROJECT["optional-dependencies"])
    assert install_extra("timm") == "pip install 'darkmagic-checklist[timm]'"


def test_metadata_says_what_is_tested() -> None:
    """Authors, Python versions and typing are told; the version is written in pyproject.toml."""
    assert PROJECT["authors"] == [{"name": "The darkmagic developers"}]
    classifiers = PROJECT["classifiers"]
    assert "Typing :: Typed" in classifiers
    minors = [c.rpartition(".")[2] for c in classifiers if c.startswith("Programming Language :: ")]
    tested = yaml.safe_load((REPO / ".github/workflows/weekly.yml").read_text())
    (versions,) = (
        job["strategy"]["matrix"]["python"]
        for job in tested["jobs"].values()
        if any(".ci/package" in step.get("run", "") for step in job["steps"])
    )
    assert [f"3.{minor}" for minor in minors if minor.isdigit()] == versions
    assert PROJECT["requires-python"] == f">={versions[0]}"
    for part in ("checklist", "trainers", "sweeps", "cli/package", "cli"):
        assert (REPO / part / "py.typed").exists()


def test_page_of_the_distribution_renders_anywhere() -> None:
    """A package index can show the page: it renders, and links to nothing beside it."""
    text = (REPO / PROJECT["readme"]).read_text()
    warnings = io.StringIO()
    rendered = markdown.render(text, stream=warnings)
    assert rendered is not None, warnings.getvalue()
    assert warnings.getvalue() == ""
    assert f"pip install {DISTRIBUTION}" in re.sub(r"<[^>]*>", "", rendered)
    for target in re.findall(r"(?:href|src)=\"([^\"]*)\"", rendered):
        assert target.startswith(("https://", "#")), target
    assert not re.search(r"\]\((?!https://)", text)


@pytest.mark.parametrize(
    "command",
    [
        line.partition("#")[0].strip()
        for line in (REPO / PROJECT["readme"]).read_text().splitlines()
        if line.startswith("darkmagic ") and "compare" not in line
    ],
)
def test_commands_of_the_page_are_commands(command: str) -> None:
    """Each command that the page shows is one, and its overrides are valid."""
    words = shlex.split(command)[1:]
    assert CliRunner().invoke(app, [*words[:1], "--help"]).exit_code == 0
    if words[:2] == ["checklist", "run"]:
        assert api.plan(words[2:]).plan.trials


def test_lines_of_python_of_the_page_run() -> None:
    """The example in Python plans a study: all but its training is run."""
    (code,) = re.findall(r"```python\n(.*?)```", (REPO / PROJECT["readme"]).read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    planned = code.partition("study.run()")[0]
    exec(planned, names)
    assert len(names["study"].plan().trials) > 3
    for method in re.findall(r"study\.(\w+)\(", code):
        assert callable(getattr(names["study"], method))


def _repository(folder: Path) -> Path:
    """Copy what a release reads, as it is before its commit: with changes that are not released."""
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md"):
        shutil.copy(REPO / name, folder / name)
    copy_pinned(REPO, folder)
    changelog = folder / "CHANGELOG.md"
    if "\n## Unreleased\n" not in changelog.read_text():
        title, _, rest = changelog.read_text().partition("\n")
        changelog.write_text(f"{title}\n\n## Unreleased\n{rest}")
    return folder


VERSION = PROJECT["version"]


@pytest.mark.parametrize(
    ("tag", "changes", "said"),
    [
        (f"v{VERSION}", {}, []),
        (VERSION, {}, ["tag v"]),
        ("v9.9.9", {}, ["tag v"]),
        (f"v{VERSION}", {"CITATION": (f"version: {VERSION}", "version: 8.0")}, ["CITATION.cff"]),
        (f"v{VERSION}", {"CHANGELOG": (f"## {VERSION}", "## Later")}, ["CHANGELOG.md"]),
        (f"v{VERSION}", {"CHANGELOG": (f"## {VERSION} - 2", f"## {VERSION} 2")}, ["CHANGELOG.md"]),
        (f"v{VERSION}", {"CHANGELOG": ("# Changelog\n", "\n## Unreleased\n")}, ["CHANGELOG.md"]),
        ("v7.0", {"pyproject": (VERSION, "7.0")}, ["CITATION.cff", "CHANGELOG.md"]),
    ],
)
def test_release_needs_its_version_everywhere(
    tag: str, changes: dict[str, tuple[str, str]], said: list[str], tmp_path: Path
) -> None:
    """A tag is released only if metadata, citation and changelog have its version."""
    folder = _repository(tmp_path)
    assert _check_release(folder, f"v{VERSION}").stderr.count("--prepare") == 1  # as it is now
    assert _check_release(folder, "--prepare").stdout.startswith(f"## {VERSION} - 2")
    for name, (before, after) in changes.items():
        (path,) = folder.glob(f"{name}.*")
        path.write_text(path.read_text().replace(before, after, 1))
    done = _check_release(folder, tag)
    assert done.returncode == bool(said)
    assert len(done.stderr.splitlines()) == len(said)
    assert all(text in done.stderr for text in said)


def test_release_is_built_on_pinned_images(tmp_path: Path) -> None:
    """A base that is a tag alone, or has half a digest, is a line against any release."""
    folder = _repository(tmp_path)
    _check_release(folder, "--prepare")
    assert _check_release(folder, f"v{VERSION}").returncode == 0
    dockerfile, compose = folder / "docker/Dockerfile", folder / "docker/compose.yaml"
    dockerfile.write_text(re.sub(r"(BASE_CPU=.*)@sha256:\w+", r"\1", dockerfile.read_text()))
    compose.write_text(re.sub(r"(postgres:\d+@sha256:\w+)\w", r"\1", compose.read_text()))
    done = _check_release(folder, f"v{VERSION}")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("docker/Dockerfile: ubuntu:24.04 is not pinned to a digest: python ")
    assert second.startswith("docker/compose.yaml: postgres:17 is not pinned")


def test_release_is_prepared_once(tmp_path: Path) -> None:
    """What is unreleased gets version and date, the citation its date, and nothing else changes."""
    folder = _repository(tmp_path)
    before = (folder / "CHANGELOG.md").read_text()
    heading = _check_release(folder, "--prepare").stdout.strip()
    assert (folder / "CHANGELOG.md").read_text() == before.replace("## Unreleased", heading, 1)
    date = heading.rpartition(" ")[2]
    assert f"version: {VERSION}\ndate-released: {date}\n" in (folder / "CITATION.cff").read_text()
    again = _check_release(folder, "--prepare")
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
    assert "no ## Unreleased" in again.stderr


def _check_release(folder: Path, word: str) -> subprocess.CompletedProcess[str]:
    script = folder / ".ci" / "check_release.py"
    script.parent.mkdir(exist_ok=True)
    for name in ("check_release.py", "pin_images.py"):
        shutil.copy(REPO / ".ci" / name, script.with_name(name))
    return subprocess.run(
        [sys.executable, script, word], capture_output=True, text=True, check=False
    )


MAPPED = {"cli/package": "darkmagic", "sweeps/hydra_plugins": "hydra_plugins"}
"""Folders whose packages have names of their own."""


@pytest.mark.weekly
@pytest.mark.timeout(1800)
def test_sdist_and_wheel_run_from_an_unrelated_folder(tmp_path: Path) -> None:
    """Both install into empty environments, train there, and hold every file of every room."""
    script = REPO / ".ci" / "package"
    done = subprocess.run(
        ["bash", script, tmp_path / "dist"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("dry run: 2 of 2 trials work") == 2
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", "checklist", "trainers", "sweeps", "cli"],
        cwd=REPO, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in listed:
        inside = f"darkmagic/{name}"
        for folder, package in MAPPED.items():
            if name.startswith(f"{folder}/"):
                inside = f"{package}{name.removeprefix(folder)}"
        assert inside in held, name
    assert not [name for name in held if name.startswith(("tests/", "docs/", "build/"))]
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "CHANGELOG.md", "CITATION.cff"} <= packed
    assert not [name for name in packed if name.startswith(("tests/", "docs/"))]


def _third_party(path: Path) -> set[str]:
    """Return the packages that a test's file imports, the repository's own left out."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    ours = {each.stem for each in (REPO / "tests").rglob("*")} | {"darkmagic"}
    return {name.partition(".")[0] for name in modules} - ours - set(sys.stdlib_module_names)


def test_oldest_versions_are_tried_with_all_that_their_tests_import() -> None:
    """What `.ci/oldest` installs has each package that a test which it runs imports."""
    script = (REPO / ".ci" / "oldest").read_text()
    extras = re.findall(r"--extra (\w+)", script)
    asked = [
        *PROJECT["dependencies"],
        *(name for extra in extras for name in PROJECT["optional-dependencies"][extra]),
    ]
    of_ours = {re.split(r"[^\w-]", name)[0] for name in asked}
    (installed,) = re.findall(r"^    ('pytest<.*)$", script, re.MULTILINE)
    there = of_ours | {re.split(r"[<=>]", name)[0] for name in shlex.split(installed)}
    names = {"scikit-learn": "sklearn", "hydra-core": "hydra"}
    brought = {"yaml", "omegaconf", "PIL"}  # by Hydra and torchvision
    there = {names.get(name, name) for name in there} | brought
    paths = [
        REPO / name for name in re.findall(r"tests/[\w/.]+", script.partition("-W default")[2])
    ]
    files = [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]
    assert len(files) > 50
    missing = {path.name: found for path in files if (found := _third_party(path) - there)}
    assert not missing
