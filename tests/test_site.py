"""The documentation's site: what its pages are made from, and that none of it is left out."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from darkmagic.checklist.report.published import published_effects
from darkmagic.lazy import read_stub
from site_api import api_pages
from site_links import COPIED, relative_page, rewrite_links
from site_messages import MARKER, RAISED, UNREAD, messages, messages_of
from site_tricks import trick_pages

REPO = Path(__file__).parents[1]
DOCS = REPO / "docs"
EXAMPLES = re.compile(r"^ +(?:>>>|\.\.\.) .*$", re.MULTILINE)
TROUBLE = (DOCS / "troubleshooting.md").read_text()
PAGES = [p.relative_to(REPO).as_posix() for p in DOCS.rglob("*.md") if "results" not in p.parts]
COVERED = {
    "tests/cli/test_readme.py": [
        *("README.md", "docs/first_sweep.md", "docs/reading.md", "docs/choosing.md", "docs/own.md"),
        *("docs/preflight.md", "docs/digits.md", "docs/skills/darkmagic/SKILL.md"),
        "cli/package/README.md",
    ],
    "tests/cli/test_replication.py": ["docs/replication.md"],
    "tests/cli/test_compare.py": ["docs/commands.md"],
    "tests/cli/test_data_page.py": ["docs/data.md"],
    "tests/cli/test_judge.py": ["docs/judge.md", "docs/tutorial_mlflow.md"],
    "tests/cli/test_optimize.py": ["docs/optimize.md"],
    "tests/cli/test_recipes_page.py": ["docs/recipes.md"],
    "tests/cli/test_tune.py": ["docs/tune.md"],
    "tests/cli/test_ui.py": ["docs/report.md"],
    "tests/clusters/test_clusters_page.py": ["docs/clusters.md"],
    "tests/sweeps/track/test_team_page.py": ["docs/team.md"],
    "tests/cli/test_tutorials.py": [
        f"docs/tutorials/{n}.md" for n in ("lightning", "plain", "timm")
    ],
}
"""Which test runs the commands of which pages."""


def test_every_page_with_commands_has_a_test_that_runs_them() -> None:
    """A page with a line `darkmagic ...` in a shell's block is read by a test of its commands."""
    for page in (*PAGES, "README.md", "cli/package/README.md"):
        blocks = re.findall(r"```sh\n(.*?)```", (REPO / page).read_text(), re.DOTALL)
        if any(re.search(r"^(?:.* )?darkmagic ", block, re.MULTILINE) for block in blocks):
            tests = [test for test, pages in COVERED.items() if page in pages]
            assert len(tests) == 1, page
            assert Path(page).stem in (REPO / tests[0]).read_text() or "tutorials" in page


@pytest.fixture(scope="module")
def kinds() -> dict[str, list[str]]:
    """Return the messages of each kind of the page, as their files and texts."""
    return {k: [f"{m.path}: {m.text}" for m in ms] for k, ms in messages_of(TROUBLE).items()}


def test_every_message_of_the_code_is_of_a_kind_of_the_page(kinds: dict[str, list[str]]) -> None:
    """A new file that raises what users read has to be named by a marker of the page."""
    assert not kinds.get("", [])
    assert sum(map(len, kinds.values())) == len(messages()) > 500
    assert all(kinds.values()), "a marker without a message"


def test_messages_are_all_that_the_code_raises() -> None:
    """What is read from the code is every exception with a message that a search finds.

    Also those that a function returns for its caller to raise; a class that is neither read nor
    named as one that nobody reads is a finding.
    """
    found: Counter[tuple[str, str]] = Counter()
    names = "|".join({*RAISED, *UNREAD, r"[A-Z]\w*(?:Error|Exception)"})
    exception = re.compile(rf"^ +(?:raise|return) ({names})\((?!\))", re.MULTILINE)
    for root in ("checklist", "trainers", "sweeps", "cli"):
        for path in (REPO / root).rglob("*.py"):
            code = EXAMPLES.sub("", path.read_text())
            found.update((path.relative_to(REPO).as_posix(), n) for n in exception.findall(code))
    assert {name for _, name in found} - RAISED - {*UNREAD} == set()
    assert Counter((m.path, m.kind) for m in messages()) == Counter(
        {key: count for key, count in found.items() if key[1] in RAISED}
    )


def test_every_kind_says_what_to_do() -> None:
    """Each section with messages has words of its own before them."""
    sections = re.split(r"^## ", TROUBLE, flags=re.MULTILINE)[1:]
    marked = [section for section in sections if MARKER.search(section)]
    assert len(marked) == len(MARKER.findall(TROUBLE)) >= 12
    for section in marked:
        assert len(MARKER.split(section)[0].split()) >= 20, section.partition("\n")[0]


def test_each_trick_has_a_page_with_its_options_and_published_effects() -> None:
    """The pages are those of the folder, with each option and each effect of the card."""
    pages = trick_pages()
    names = {path.name for path in (REPO / "sweeps/conf/trick").iterdir()}
    assert set(pages) == {"tricks/index.md", *(f"tricks/{name}.md" for name in names)}
    for name in names:
        page, conf = pages[f"tricks/{name}.md"], REPO / "sweeps/conf/trick" / name
        for option in (path.stem for path in conf.glob("*.yaml")):
            assert f"| `{option}` |" in page, f"{name}={option}"
        card = ast.get_docstring(ast.parse((REPO / f"trainers/tricks/{name}.py").read_text()))
        for effect in published_effects(card or ""):
            assert f"| `{effect.option}` | `{effect.against}` | {effect.points:+.2f} |" in page
            assert effect.model in page
            assert effect.source.replace("|", "\\|") in page
        assert f"[{name}]({name}.md)" in pages["tricks/index.md"]


def test_each_name_of_a_trick_is_on_its_page_with_its_example() -> None:
    """The public names of the tricks' package stand on the page of their trick."""
    pages = trick_pages()
    for name, module in read_stub(REPO / "trainers/tricks/__init__.pyi").items():
        page = pages[f"tricks/{module.rpartition('.')[2]}.md"]
        section = page.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        assert ">>>" in section, f"{module}.{name}"


def test_each_public_name_has_its_docstring_and_example() -> None:
    """The pages of public names have every line of every stub, the tricks' own apart."""
    pages = api_pages()
    for path, text in pages.items():
        package = path[4:-3]
        if package == "index":
            continue
        inside = package.removeprefix("darkmagic").strip(".").replace(".", "/")
        folders = (REPO / "cli/package" / inside, REPO / inside)
        stub = next(f / "__init__.pyi" for f in folders if (f / "__init__.pyi").exists())
        public = [n for n in read_stub(stub) if not n.startswith("_")]
        assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == public
        for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
            assert ">>>" in section or "A package of its own" in section, section[:40]


@pytest.mark.parametrize(
    ("text", "page", "there", "shown"),
    [
        ("[a](docs/judge.md#x)", "index.md", {"judge.md"}, "[a](judge.md#x)"),
        ("[a](../README.md)", "judge.md", {"index.md"}, "[a](index.md)"),
        ("[a](../CONTRIBUTING.md)", "architecture.md", {"contributing.md"}, "[a](contributing.md)"),
        ("[a](../judge.md)", "tutorials/plain.md", {"judge.md"}, "[a](../judge.md)"),
        ("![p](docs/x.svg)", "index.md", {"x.svg"}, "![p](x.svg)"),
        ("[a](trainers/trick.py)", "index.md", set(), "a (`trainers/trick.py`)"),
        ("[`LICENSE`](LICENSE)", "index.md", set(), "`LICENSE`"),
        ("[o](https://optuna.org)", "tune.md", set(), "[o](https://optuna.org)"),
        ("[h](#here)", "tune.md", set(), "[h](#here)"),
        (
            "```sh\n[a](docs/judge.md)\n```",
            "index.md",
            {"judge.md"},
            "```sh\n[a](docs/judge.md)\n```",
        ),
        ("```sh\na     # b\n```", "python.md", set(), "```sh\na  # b\n```"),
        ("```python lightning\nx\n```", "python.md", set(), "```python\nx\n```"),
    ],
)
def test_links_are_those_of_the_site(text: str, page: str, there: set[str], shown: str) -> None:
    """Pages are linked where the site has them; what it has not is named, and code stays."""
    assert rewrite_links(text, page, there) == shown


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ('<a href="/index.html">', '<a href="index.html">'),
        ('<link href="/a.css"><img src="/b.png">', '<link href="a.css"><img src="b.png">'),
        ('{"base": "/", "search": "/assets/s.js"}', '{"base": ".", "search": "assets/s.js"}'),
        *((same, same) for same in ('<a href="//other.org/x">', '<a href="https://other.org/x">')),
        *((same, same) for same in ('<a href="#top">', "<p>a/b</p>", '<a href="tricks/a.html">')),
    ],
)
def test_page_of_what_is_not_found_has_no_absolute_link(page: str, shown: str) -> None:
    """It works in a folder of a server, as the other pages do."""
    assert relative_page(page) == shown


def _navigation() -> set[str]:
    """Return the files that mkdocs.yml names."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    Loader.add_constructor("!ENV", lambda *_: None)
    config = yaml.load((REPO / "mkdocs.yml").read_text(), Loader)
    return set(re.findall(r"[\w/]+\.md", str(config["nav"])))


def test_navigation_and_the_agents_list_have_every_page() -> None:
    """Each page of docs/ is in the navigation of the site, and in llms.txt."""
    pages = {page.removeprefix("docs/") for page in PAGES} - {"skills/darkmagic/SKILL.md"}
    copied = set(COPIED.values())
    assert pages - copied == _navigation() - copied
    listed = set(re.findall(r"\]\(([\w/]+\.md)\)", (DOCS / "llms.txt").read_text()))
    assert listed - {"skills/darkmagic/SKILL.md"} == pages


def test_skill_has_the_head_that_agents_read() -> None:
    """Name and description stand first, and the name is the folder's."""
    path = DOCS / "skills" / "darkmagic" / "SKILL.md"
    _, head, body = path.read_text().split("---\n", 2)
    fields = yaml.safe_load(head)
    assert fields["name"] == path.parent.name
    assert 50 < len(fields["description"]) < 1024
    assert body.lstrip().startswith("# ")
