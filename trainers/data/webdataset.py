"""Images and labels in tar shards, as WebDataset and img2dataset write them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from darkmagic.text import printable
from darkmagic.trainers.data.assembly.labelled import Labelled, split_labelled
from darkmagic.trainers.data.assembly.options import ImageOptions
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.image_files.decode import VERSION, Decoder, hold_images
from darkmagic.trainers.data.image_files.kept_stats import kept_channel_stats
from darkmagic.trainers.data.image_files.member import Members
from darkmagic.trainers.data.image_files.pixels import describe_kinds
from darkmagic.trainers.data.shards.index import Samples, choose_fields, index_shards
from darkmagic.trainers.data.shards.patterns import find_shards
from darkmagic.trainers.data.shards.read import Fields
from darkmagic.trainers.data.tables.labels import refuse_quantity
from darkmagic.trainers.fields import choice, text

__all__ = ["WebDataset"]

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class WebDataset(ImageOptions):
    """The samples of the tar shards that `train`, and `val` and `test` where they are given, name.

    Each is a folder of `*.tar`, a pattern with braces (`train-{000..147}.tar`), with `*` and `?`,
    or a shard. A sample is the members of one name: its image is the one that is an image, or of
    the extension `image`, and its label the text of the member `label`, or the value of `key` of
    the JSON object there. Where they are None they are `cls`, or else the one JSON object. What has
    no shards of its own is cut from train, and the pixels are as in `Folder`.

    Shards are read through once, for where each image lies; then they are read in any order.

    >>> import io, tarfile
    >>> from PIL import Image
    >>> with tarfile.open("photos-000.tar", "w") as tar:
    ...     for index in range(20):
    ...         image = io.BytesIO()
    ...         Image.new("RGB", (8, 8), (index, 0, 0)).save(image, "png")
    ...         for name, content in (("png", image.getvalue()), ("cls", b"01"[index % 2 :][:1])):
    ...             member = tarfile.TarInfo(f"{index:03}.{name}")
    ...             member.size = len(content)
    ...             tar.addfile(member, io.BytesIO(content))
    >>> data = WebDataset("photos-{000..000}.tar", cache="cache").load(split_seed=0)
    >>> data.classes, len(data.train), data.size
    (('0', '1'), 14, (8, 8))
    """

    train: str = text()
    val: str | None = text(None)
    test: str | None = text(None)
    image: str | None = text(None)
    label: str | None = text(None)
    key: str | None = text(None, numeric=True)
    missing: str = choice("refuse", ("refuse", "leave_out"))
    cache: str | None = text(None)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed`, the fields and the shards.

        Raises `ValueError`, one line, for shards that cannot be used.
        """
        shards = self._shards()
        fields = choose_fields(
            shards["train"][0],
            self.image,
            self.label,
            self.key,
            leave_out=self.missing == "leave_out",
        )
        parts = {name: index_shards(found, fields, self.cache) for name, found in shards.items()}
        for name, part in parts.items():
            if not len(part.images):
                raise ValueError(f"no sample of {name} has an image and a label")
        images = Members.joined([part.images for part in parts.values()])
        found = _labelled(parts, fields)
        decoder = Decoder.for_files(images, self.size, self.channels)
        how = (VERSION, decoder, self.val_fraction, self.test_fraction, split_seed, [*parts])
        made_of = f"{how} {images.digest}"
        data = split_labelled(
            hold_images(Path(), images, decoder, self.cache, self.memory_budget),
            found,
            val_fraction=self.val_fraction,
            test_fraction=self.test_fraction,
            split_seed=split_seed,
            flip=self.flip,
            pad=self.pad,
            keep_stats=partial(
                kept_channel_stats, made_of=made_of, channels=self.channels, cache=self.cache
            ),
        )
        counts = ", ".join(f"{name} {_shards_of(each)}" for name, each in shards.items())
        key = f", key {self.key!r}" if self.key else ""
        first = f"{counts}; labels: {fields.label}{key}"
        kinds = [f"pixels: {each}" for each in [describe_kinds(images)] if each]
        return dataclasses.replace(data, notes=(first, *data.notes, *kinds))

    def _shards(self) -> dict[str, list[str]]:
        """Return the shards of each split that has its own. Raises `ValueError` for one in two."""
        named = {name: getattr(self, name) for name in SPLITS if getattr(self, name) is not None}
        shards = {name: find_shards(pattern, name) for name, pattern in named.items()}
        owners: dict[str, str] = {}
        for name, found in shards.items():
            for shard in found:
                if (owner := owners.setdefault(shard, name)) != name:
                    raise ValueError(
                        f"{printable(shard)} is a shard of {owner} and of {name}: keep one"
                    )
        return shards


def _labelled(parts: dict[str, Samples], fields: Fields) -> Labelled:
    """Return the labels and splits of all samples, with what is doubtful about them."""
    found = Labelled(several=any(part.several for part in parts.values()))
    left_out: Counter[str] = Counter()
    for name, part in parts.items():
        found.names += part.images.names
        found.of_image += part.of_image
        found.splits += [None if len(parts) == 1 else name] * len(part.of_image)
        found.doubts += part.doubts
        left_out.update(part.left_out)
    for what, count in left_out.items():
        found.leave_out(what, count, doubt=what.startswith("samples"))
    refuse_quantity(f"member {fields.label}", found.of_image, "member", "sample")
    found.doubt_alike()
    return found


def _shards_of(shards: Sequence[str]) -> str:
    count = "1 shard" if len(shards) == 1 else f"{len(shards):,} shards"
    return f"from {count} of {printable(Path(shards[0]).parent.name)}/"
