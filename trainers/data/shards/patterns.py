"""From a pattern to the shards that it names: a folder, braces, a glob pattern, or one file."""

from __future__ import annotations

import glob
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from darkmagic.text import printable
from darkmagic.trainers.runtime.cache import expand

__all__ = ["find_shards"]

RANGE = re.compile(r"(\d+)\.\.(\d+)")
REMOTE = re.compile(r"pipe:|[a-z0-9+]+://")
MAX_SHARDS = 1_000_000


def find_shards(pattern: str, field: str) -> list[str]:
    """Return the absolute paths of the shards that `pattern` names, in order.

    `images-{000..147}.tar` and `{a,b}.tar` name each shard, which must be there; a folder is all of
    its `*.tar`, and `*` and `?` are as in a shell. Raises `ValueError`, one line, which names the
    `field` of `dataset.source`.
    """
    where = f"dataset.source.{field}"
    if REMOTE.match(pattern):
        raise ValueError(
            f"{where}={printable(pattern)}: shards are read from files; copy them to a disk first"
        )
    path = expand(pattern)
    if path.is_dir():
        found = sorted(each for each in path.glob("*.tar") if not each.name.startswith("."))
        if not found:
            raise ValueError(f"no *.tar in {printable(path)}{_others(path)} ({where})")
    else:
        found = [shard for each in _braces(str(path), where) for shard in _globbed(each)]
        _refuse_missing(found, pattern, where)
    shards = [str(each.absolute()) for each in found]
    if len(set(shards)) < len(shards):
        twice = next(shard for shard, other in itertools.pairwise(sorted(shards)) if shard == other)
        raise ValueError(f"{printable(pattern)} names {printable(twice)} twice ({where})")
    return shards


def _braces(pattern: str, where: str) -> Iterator[str]:
    """Yield what `pattern` stands for, as a shell has it, with groups in groups."""
    start = pattern.find("{")
    if start < 0 and "}" not in pattern:
        yield pattern
        return
    depth, commas = 0, list[int]()
    for end in range(max(start, 0), len(pattern)):
        depth += (pattern[end] == "{") - (pattern[end] == "}")
        if depth == 1 and pattern[end] == ",":
            commas.append(end)
        if depth <= 0:
            break
    if depth:
        raise ValueError(f"{printable(pattern)} has a brace without its other ({where})")
    cuts = [start, *commas, end]
    parts = [pattern[one + 1 : other] for one, other in itertools.pairwise(cuts)]
    choices = parts if commas else _range(parts[0], pattern, where)
    for choice in choices:
        for each in _braces(choice, where):
            for rest in _braces(pattern[end + 1 :], where):
                yield pattern[:start] + each + rest


def _range(group: str, pattern: str, where: str) -> list[str]:
    numbers = RANGE.fullmatch(group)
    if not numbers:
        raise ValueError(
            f"{{{printable(group)}}} of {printable(pattern)} is neither a range, such as "
            f"{{000..147}}, nor names with commas, such as {{a,b}} ({where})"
        )
    first, last = numbers.groups()
    low, high = int(first), int(last)
    if not 0 <= high - low < MAX_SHARDS:
        raise ValueError(
            f"{{{group}}} of {printable(pattern)} counts from {first} to {last}: expected "
            f"up, such as {{000..147}} ({where})"
        )
    padded = first.startswith("0") or last.startswith("0")
    width = max(len(first), len(last)) if padded else 0
    return [f"{number:0{width}}" for number in range(low, high + 1)]


def _globbed(path: str) -> list[Path]:
    """Return the files of a pattern with `*` or `?`, sorted; else the file itself."""
    if Path(path).is_file() or not glob.has_magic(path):
        return [Path(path)]
    return sorted(map(Path, glob.glob(path))) or [Path(path)]  # noqa: PTH207 (it is absolute)


def _refuse_missing(found: list[Path], pattern: str, where: str) -> None:
    missing = [path for path in found if not path.is_file()]
    if not missing:
        return
    first = missing[0]
    of = f"; {len(missing):,} of {len(found):,} shards are missing" if len(found) > 1 else ""
    folder = next((each for each in first.parents if each.is_dir()), Path("/"))
    there = sorted(each.name for each in folder.glob("*.tar"))
    near = f"; {printable(folder)} has {_span(there)}" if there else f"{_others(folder)}"
    raise ValueError(f"no shard {printable(first)} ({where}={printable(pattern)}){of}{near}")


def _span(names: list[str]) -> str:
    if len(names) < 2:
        return printable(names[0])
    return f"{len(names):,} shards from {printable(names[0])} to {printable(names[-1])}"


def _others(folder: Path) -> str:
    """Return what of archives there is in `folder` in the place of shards."""
    if not folder.is_dir():
        return ""
    kinds = sorted({"".join(each.suffixes) for each in folder.glob("*.t*") if each.is_file()})
    packed = [kind for kind in kinds if ".tar." in kind or kind == ".tgz"]
    return f", but *{packed[0]}: unpack these to *.tar" if packed else ""
