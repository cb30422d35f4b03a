"""Whether a tag may be released: it is the version, everywhere that the version stands.

python .ci/check_release.py v0.1.0
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent


def problems(tag: str, repo: Path = REPO) -> list[str]:
    """Return what stands against releasing `tag`, a line each."""
    version = tomllib.loads((repo / "pyproject.toml").read_text())["project"]["version"]
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, and pyproject.toml has {version}: tag v{version}")
    cited = re.search(r"^version: (\S+)$", (repo / "CITATION.cff").read_text(), re.MULTILINE)
    if cited is None or cited[1] != version:
        found.append(f"CITATION.cff: say version: {version}")
    if not re.search(
        rf"^## {re.escape(version)}\b", (repo / "CHANGELOG.md").read_text(), re.MULTILINE
    ):
        found.append(f"CHANGELOG.md has no section ## {version}: rename Unreleased")
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} TAG")
    lines = problems(sys.argv[1])
    print("".join(f"{line}\n" for line in lines), end="", file=sys.stderr)
    sys.exit(bool(lines))
