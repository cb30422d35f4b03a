"""One shard, read through from its first member to its last."""

from __future__ import annotations

import os
import re
import tarfile
from collections import Counter
from dataclasses import dataclass

from darkmagic.text import printable
from darkmagic.trainers.data.image_files.kept_entries import Entry
from darkmagic.trainers.data.image_files.scan import EXTENSIONS, folder_state
from darkmagic.trainers.data.shards.labels import Label, read_label

__all__ = ["BETWEEN", "Fields", "first_sample", "read_shard"]

BETWEEN = "\0"  # samples: no name has it
SAMPLE = re.compile(r"((?:.*/|)[^./]+)\.([^/]+)")
"""The sample that a member is of, and which of its parts: up to the first dot of its last name."""
KINDS = {
    b"\x1f\x8b": "a gzip file: unpack it with gunzip",
    b"\x28\xb5\x2f\xfd": "a Zstandard file: unpack it with unzstd",
    b"\xfd7zXZ": "an xz file: unpack it with unxz",
    b"BZh": "a bzip2 file: unpack it with bunzip2",
    b"PK\x03\x04": "a zip archive: write it as tar",
}
"""By the first bytes. What is packed whole cannot be read from its middle."""
MAX_SHOWN = 4

Part = tuple[int, int]  # offset, size


@dataclass(frozen=True)
class Fields:
    """Which member of a sample is the image (any image where `image` is empty) and which the
    label, whose `key` is that of a JSON object.
    """

    image: tuple[str, ...]
    label: str
    key: str | None
    leave_out: bool


def first_sample(path: str) -> dict[str, bytes]:
    """Return the extensions of the first sample in the shard at `path`, and its JSON contents."""
    with _open(path) as tar:
        found: dict[str, bytes] = {}
        first = None
        for member in tar:
            match = SAMPLE.fullmatch(member.name)
            if match is None or not member.isreg():
                continue
            if first is not None and match[1] != first:
                break
            first, extension = match[1], match[2].lower()
            content = tar.extractfile(member) if extension.endswith("json") else None
            found[extension] = b"" if content is None else content.read()
    if not found:
        raise ValueError(f"{printable(path)} has no samples, such as 000.jpg and 000.cls")
    return found


def read_shard(path: str, fields: Fields) -> Entry:
    """Return where each image of the shard at `path` is, and its labels, in the shard's order.

    Raises `ValueError`, one line, for a shard that is damaged, and for a sample without an image or
    a label, unless those are to be left out.
    """
    state = ["", *folder_state(path)]
    left_out: Counter[str] = Counter()
    with _open(path) as tar, open(path, "rb") as file:  # noqa: PTH123 (strings)
        samples, doubts = _samples(tar, path, left_out)
        names, parts, labels = [], list[Part](), list[Label]()
        for name, members in samples.items():
            where = f"{printable(path)}: sample {printable(name)}"
            image = _image(members, fields, where)
            label = _label(file.fileno(), members, fields, where)
            if image is None or label is None:
                what = fields.label if image is not None else "image"
                if not fields.leave_out:
                    raise ValueError(
                        f"{where} has no {what}, but {_listed(members)}; mend it, or set "
                        "dataset.source.missing=leave_out"
                    )
                left_out[f"samples without {what}"] += 1
                continue
            names.append(name)
            parts.append(image)
            labels.append(label)
    places: dict[str, int] = {}

    def place(label: str) -> int:
        return places.setdefault(label, len(places))

    numbers = [place(e) if isinstance(e, str) else [place(each) for each in e] for e in labels]
    return {
        "states": [state],
        "names": BETWEEN.join(names),
        "offsets": [offset for offset, _ in parts],
        "sizes": [size for _, size in parts],
        "labels": numbers,
        "classes": [*places],
        "left_out": dict(left_out),
        "doubts": doubts,
    }


def _open(path: str) -> tarfile.TarFile:
    """Return the archive at `path`, open at its start."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            start = file.read(8)
        if not start:
            raise ValueError(f"{printable(path)} is empty: write the shard anew")
        return tarfile.open(path, "r:")
    except tarfile.TarError as error:
        kind = next((kind for magic, kind in KINDS.items() if start.startswith(magic)), None)
        said = f"is {kind}" if kind else f"is no tar archive, or a damaged one: {error}"
        raise ValueError(f"{printable(path)} {said}") from None
    except OSError as error:
        raise ValueError(f"cannot read {printable(path)}: {error.strerror}") from error


def _samples(
    tar: tarfile.TarFile, path: str, left_out: Counter[str]
) -> tuple[dict[str, dict[str, Part]], list[str]]:
    """Return the members of each sample by extension, in order, and what is doubtful."""
    samples: dict[str, dict[str, Part]] = {}
    try:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # or all headers stay in memory
            match = SAMPLE.fullmatch(member.name)
            if match is None or not member.isreg() or member.sparse is not None:
                left_out["members that are no files of a sample"] += not member.isdir()
                continue
            sample = samples.setdefault(match[1], {})
            if (extension := match[2].lower()) in sample:
                name = printable(member.name)
                raise ValueError(f"{printable(path)} has {name} twice: write the shard anew")
            sample[extension] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise ValueError(_damaged(path, tar.offset, str(error))) from None
    if not samples:
        raise ValueError(f"{printable(path)} has no samples, such as 000.jpg and 000.cls")
    return samples, _end(tar, path)


def _end(tar: tarfile.TarFile, path: str) -> list[str]:
    """Return what is doubtful about the end of `tar`, after its last sound header.

    Reading ends there as at the end of the archive. Raises `ValueError` where it is not the end.
    """
    size = os.stat(path).st_size  # noqa: PTH116
    if tar.offset > size:
        raise ValueError(_damaged(path, size, "its last member is cut short"))
    with open(path, "rb") as file:  # noqa: PTH123
        file.seek(tar.offset)
        block = file.read(tarfile.BLOCKSIZE)
    if not block:
        name = printable(path)
        return [f"{name} has no end mark: it is cut short, or was not closed when it was written"]
    if any(block) or len(block) < tarfile.BLOCKSIZE:
        raise ValueError(_damaged(path, tar.offset, "no member starts there"))
    return []


def _damaged(path: str, offset: int, why: str) -> str:
    return f"{printable(path)} is damaged at byte {offset:,}: {why}; write or copy it anew"


def _image(members: dict[str, Part], fields: Fields, where: str) -> Part | None:
    if fields.image:
        return next((members[name] for name in fields.image if name in members), None)
    found = [name for name in members if os.path.splitext(f"x.{name}")[1] in EXTENSIONS]  # noqa: PTH122
    if len(found) > 1:
        raise ValueError(
            f"{where} has several images, {_listed(found)}: set dataset.source.image to one"
        )
    return members[found[0]] if found else None


def _label(descriptor: int, members: dict[str, Part], fields: Fields, where: str) -> Label | None:
    part = members.get(fields.label)
    if part is None:
        return None
    offset, size = part
    try:
        return read_label(os.pread(descriptor, size, offset), fields.label, fields.key)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _listed(names: dict[str, Part] | list[str]) -> str:
    shown = ", ".join(printable(name) for name in list(names)[:MAX_SHOWN])
    return shown + (" and more" if len(names) > MAX_SHOWN else "")
