"""The public names: each is there, typed, documented, and its example is true.

A package's `__init__.pyi` lists them, one a line, so a change of what is public shows in a diff.
"""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import get_object
from torch import nn

import darkmagic
from darkmagic.lazy import read_stub
from trick_exports import STUB, tricks_stub

REPO = Path(__file__).parents[1]
FOLDERS = sorted(path.parent.relative_to(REPO) for path in REPO.glob("[a-z]*/**/__init__.pyi"))
ROOT = Path("cli/package")


def _package(folder: Path) -> str:
    inside = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    return ".".join(["darkmagic", *inside.parts])


def _stub(package: str) -> Path:
    return Path(str(importlib.import_module(package).__file__)).with_suffix(".pyi")


PACKAGES = [_package(folder) for folder in FOLDERS if folder.parts[0] != "build"]
PUBLIC = [
    (package, name)
    for package in PACKAGES
    for name in sorted(importlib.import_module(package).__all__)
    if name != "__version__" and read_stub(_stub(package))[name] != package
]
EACH = pytest.mark.parametrize(("package", "name"), PUBLIC, ids=[".".join(p) for p in PUBLIC])
EXAMPLES = doctest.DocTestFinder(recurse=False)
NEED_MORE = {"darkmagic.loops.lightning", "darkmagic.loops.transformers"}
"""Modules that import what their users have installed."""


def _public(package: str, name: str) -> Any:
    """Return a public class or function; of a package that can be called, what it calls."""
    return inspect.unwrap(getattr(importlib.import_module(package), name))


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_version_is_that_of_the_distribution() -> None:
    """`darkmagic.__version__` and `darkmagic --version` are the installed distribution's."""
    installed = importlib.metadata.version("darkmagic-checklist")
    assert darkmagic.__version__ == installed
    assert "__version__" in dir(darkmagic)
    assert _run("from darkmagic.cli.main import app; app(['--version'])") == installed
    with pytest.raises(AttributeError, match="no attribute 'version'"):
        _ = darkmagic.version  # type: ignore[attr-defined]


@pytest.mark.parametrize("package", PACKAGES)
def test_package_lists_its_public_names(package: str) -> None:
    """`__all__` is sorted, is what the stub says, and `dir` shows it."""
    module = importlib.import_module(package)
    stub = read_stub(_stub(package))
    assert module.__all__ == sorted(stub)
    assert set(module.__all__) <= set(dir(module))
    assert dir(module) == sorted(dir(module))


def test_every_public_package_is_looked_at() -> None:
    """The root, the packages of the project, and the rooms of trainers that users name."""
    assert {"checklist", "sweeps", "trainers"} <= {str(folder) for folder in FOLDERS}
    assert "darkmagic" in PACKAGES
    assert {"darkmagic.trainers.tricks", "darkmagic.trainers.data"} <= set(PACKAGES)


def test_stub_of_tricks_is_what_their_modules_say() -> None:
    """The committed list is made from the modules' `__all__`, and no two share a name."""
    assert STUB.read_text() == tricks_stub(), "run python tests/trainers/trick_exports.py"


def test_function_with_the_name_of_a_file_leaves_the_module_in_its_place(tmp_path: Path) -> None:
    """YAML names a trick's class by its module, which such a function would hide."""
    code = '__all__ = ["Sharpen", "sharpen"]\ndef sharpen(): ...\nclass Sharpen: ...\n'
    (tmp_path / "sharpen.py").write_text(code)
    module = "darkmagic.trainers.tricks.sharpen"
    assert tricks_stub(tmp_path).splitlines()[1:] == [
        "",
        f"from {module} import Sharpen as Sharpen",
    ]


@EACH
def test_public_name_is_typed_and_documented(package: str, name: str) -> None:
    """Its own docstring, and a type for every parameter and result of what it can do."""
    public = _public(package, name)
    assert public.__name__ == name
    assert public.__doc__
    assert not public.__doc__.startswith(f"{name}("), "a dataclass without a docstring of its own"
    for function in _functions(public):
        assert inspect.getdoc(function), function
        signature = inspect.signature(function)
        untyped = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
        assert untyped in ([], ["self"], ["cls"]), f"{function.__qualname__}: {untyped}"
        assert signature.return_annotation is not signature.empty or inspect.isclass(public)


def _functions(public: Any) -> Iterator[Any]:
    if inspect.isfunction(public):
        yield public
    for name, member in vars(public).items() if inspect.isclass(public) else ():
        inner = getattr(member, "__func__", member)
        if inspect.isfunction(inner) and not name.startswith("_"):
            yield inner


@EACH
def test_example_gives_what_it_shows(package: str, name: str) -> None:
    """Every public name has an example in its docstring, which may use its module's names."""
    public = _public(package, name)
    names = {**vars(sys.modules[public.__module__]), "torch": torch, "nn": nn}
    (found,) = EXAMPLES.find(public, name, globs=names)
    assert found.examples, f"{public.__module__}.{name} has no example (>>>) in its docstring"
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(found, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


@pytest.mark.parametrize("part", ["checklist", "trainers", "sweeps", "cli"])
def test_examples_of_what_is_not_public_are_true(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example of a module, a method or an inner function, in a folder of its own."""
    public = {f"{found.__module__}.{found.__qualname__}" for found in starmap(_public, PUBLIC)}
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for path in sorted((REPO / part).rglob("[a-z]*.py")):
        name = f"{_package(path.relative_to(REPO).parent)}.{path.stem}"
        if "hydra_plugins" in path.parts or name in NEED_MORE:
            continue
        module = importlib.import_module(name)
        names = {**vars(module), "torch": torch, "nn": nn}
        for found in doctest.DocTestFinder().find(module, name, globs=names):
            if found.examples and found.name not in public:
                (tmp_path / found.name).mkdir()
                monkeypatch.chdir(tmp_path / found.name)
                runner.run(found, out=said.append)
    assert runner.summarize(verbose=False).attempted > 20
    assert not said, "".join(said)


def test_unknown_name_is_refused_with_the_nearest() -> None:
    """A typo is an `AttributeError` that names the public name it is near to."""
    trainers = importlib.import_module("darkmagic.trainers")
    with pytest.raises(AttributeError, match=r"no attribute 'Recipee'; did you mean Recipe\?"):
        _ = trainers.Recipee
    with pytest.raises(AttributeError, match=r"no attribute 'xyzzy'$"):
        _ = trainers.xyzzy


@pytest.mark.parametrize(
    ("package", "heavy"),
    [
        (
            "darkmagic",
            {"importlib.metadata", "torch", "hydra", "mlflow", "numpy", "pandas", "rich"},
        ),
        ("darkmagic.checklist", {"numpy", "scipy"}),
        ("darkmagic.trainers", {"torch", "numpy"}),
        ("darkmagic.trainers.tricks", {"torch", "numpy"}),
        ("darkmagic.sweeps", {"torch", "hydra", "mlflow", "numpy"}),
    ],
)
def test_importing_a_package_imports_nothing_heavy(package: str, heavy: set[str]) -> None:
    """A public name is imported when it is first asked for, and not before."""
    assert not heavy & set(_run(f"import sys, {package}; print(*sys.modules)").split())


CLASHES = [
    (package, name) for package, name in PUBLIC if importlib.util.find_spec(f"{package}.{name}")
]


@pytest.mark.parametrize(("package", "name"), CLASHES)
def test_public_name_outlives_the_import_of_its_namesake(package: str, name: str) -> None:
    """A submodule of the same name, imported anew, leaves the public name what it is."""
    public = _public(package, name)
    module = importlib.import_module(f"{package}.{name}")
    setattr(sys.modules[package], name, module)  # as Python does when it imports a submodule
    assert _public(package, name) is public
    assert callable(public)


@pytest.mark.parametrize("package", ["darkmagic.checklist:compare", "darkmagic.trainers:train"])
def test_public_name_is_itself_when_its_namesake_came_first(package: str) -> None:
    """`import darkmagic.trainers.train` before the function is asked for gives the function."""
    parent, _, name = package.partition(":")
    code = f"import {parent}.{name}; from {parent} import {name}; print(type({name}).__name__)"
    assert _run(code) == "function"


def test_names_in_pages_and_configuration_are_there() -> None:
    """What the pages and our YAML name is imported the way Hydra does, as users' YAML names it."""
    files = [*REPO.glob("docs/*.md"), *(REPO / "sweeps" / "conf").rglob("*.yaml")]
    named = {n for f in files for n in re.findall(r"darkmagic\.trainers\.[\w.]*\w", f.read_text())}
    for room in ("trick", "tricks", "data", "models"):
        assert any(name.startswith(f"darkmagic.trainers.{room}.") for name in named)
    for name in named:
        assert get_object(name) is not None, name


@pytest.mark.parametrize(
    "first",
    [
        "import darkmagic.checklist",
        "from darkmagic.checklist import compare",
        "import darkmagic.checklist.model",
        "from darkmagic import checklist",
        "import darkmagic; darkmagic.checklist",
    ],
)
def test_package_of_the_name_of_a_function_is_both(first: str) -> None:
    """`darkmagic.checklist` is the package and can be called, whichever import came first."""
    code = f"{first}\nimport sys, inspect, darkmagic as dm, darkmagic.checklist as package\n"
    code += (
        "from darkmagic.checklist import Trial; from darkmagic import checklist\n"
        "assert package is dm.checklist is checklist is sys.modules['darkmagic.checklist']\n"
        "assert package.Trial is Trial and callable(package)\n"
        "print(type(package()).__name__, *inspect.signature(package).parameters)"
    )
    assert _run(code).startswith("Study name words model data")
