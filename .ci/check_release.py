"""Whether a tag may be released: it is the version, everywhere that the version stands.

python .ci/check_release.py v0.1.0      # what stands against it, a line each
python .ci/check_release.py --prepare   # give what is Unreleased the version and today's date

As https://keepachangelog.com has it, changes are listed under "## Unreleased" until the commit
that is tagged. What images are built on is pinned by then: who builds a release gets its bases.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
import tomllib
from pathlib import Path

from pin_images import unpinned

REPO = Path(__file__).resolve().parent.parent
UNRELEASED = "## Unreleased"
PREPARE = "python .ci/check_release.py --prepare"


def problems(tag: str, repo: Path = REPO) -> list[str]:
    """Return what stands against releasing `tag`, a line each."""
    version = _version(repo)
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, and pyproject.toml has {version}: tag v{version}")
    cited = re.search(r"^version: (\S+)$", (repo / "CITATION.cff").read_text(), re.MULTILINE)
    if cited is None or cited[1] != version:
        found.append(f"CITATION.cff: say version: {version}")
    headings = re.findall(r"^## .*$", (repo / "CHANGELOG.md").read_text(), re.MULTILINE)
    dated = re.compile(rf"## {re.escape(version)} - \d{{4}}-\d\d-\d\d")
    if not headings or not dated.fullmatch(headings[0]):
        found.append(f"CHANGELOG.md does not begin with ## {version} - DATE: {PREPARE}")
    return found + unpinned(repo)


def prepare(repo: Path = REPO) -> str:
    """Give the unreleased changes the version and the date, and return their heading.

    Raises `ValueError` where none are unreleased.
    """
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    changelog, citation = repo / "CHANGELOG.md", repo / "CITATION.cff"
    heading = f"## {_version(repo)} - {today}"
    text, found = re.subn(
        f"^{UNRELEASED}$", heading, changelog.read_text(), count=1, flags=re.MULTILINE
    )
    if not found:
        raise ValueError(f"CHANGELOG.md has no {UNRELEASED}: nothing was changed since a release")
    changelog.write_text(text)
    kept = re.sub(r"^date-released: .*\n", "", citation.read_text(), flags=re.MULTILINE)
    released = rf"\g<0>date-released: {today}\n"
    citation.write_text(re.sub(r"^version: .*\n", released, kept, flags=re.MULTILINE))
    return heading


def _version(repo: Path) -> str:
    version: str = tomllib.loads((repo / "pyproject.toml").read_text())["project"]["version"]
    return version


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} TAG, or {PREPARE}")
    if sys.argv[1] == "--prepare":
        try:
            print(prepare())
        except ValueError as error:
            sys.exit(str(error))
        sys.exit()
    lines = problems(sys.argv[1])
    print("".join(f"{line}\n" for line in lines), end="", file=sys.stderr)
    sys.exit(bool(lines))
