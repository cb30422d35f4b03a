"""`darkmagic.checklist(...)`: a study from keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.study.objects import Data, Model, data_words, model_words
from darkmagic.study.study import Study
from darkmagic.study.words import as_words, checklist_words, only_word, text

__all__ = ["checklist"]


def checklist(
    name: str = "article",
    *words: str,
    model: Model | None = None,
    data: Data | None = None,
    tricks: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | str | None = None,
    budget: int | str | None = None,
    only: str | Sequence[str] | None = None,
    experiment: str | None = None,
    out: str | Path | None = None,
    devices: str | int | Sequence[int] | None = None,
    config_dirs: Sequence[str | Path] = (),
    **settings: Any,
) -> Study:
    """Return the study of checklist `name` on `model` and `data`. Nothing is trained yet.

    `model` is a name ("resnet18", "timm:resnet26d", "my_package.MyNet"), or what makes a network: a
    class, a function, a lambda, which is called anew for each trial with those of `num_classes`,
    `in_channels` and `image_size` that it accepts. `data` is a name ("cifar10"), a folder of
    images, one of `darkmagic.trainers.data`, or a function that makes one. `tricks` are a checklist
    of your own, by trick its options, baseline first. `seeds` may be "+2", to add two, and `budget`
    "80" runs or "8h". `settings` are keys of the configuration, such as `epochs=20`, and `words`
    are any other overrides of the command line. Raises `UserError` for what cannot be used.

    >>> study = checklist("mine", model="resnet8", tricks={"mixup": ["off", "on"]}, epochs=2)
    >>> [trial.name for trial in study.plan().trials]
    ['baseline', 'mixup=on']
    """
    for word in words:
        if not isinstance(word, str):
            raise UserError(f"{word!r} is no override; write 'epochs=5', or epochs=5 as a keyword")
    every = checklist_words(name, tricks)
    every += [] if data is None else data_words(data)
    every += [] if model is None else model_words(model)
    every += [] if seeds is None else [f"seeds={seeds}"]
    every += [] if budget is None else [f"budget={budget}"]
    every += [] if only is None else [only_word(only)]
    every += [] if experiment is None else [f"runtime.experiment={text(experiment)}"]
    every += [] if out is None else [f"runtime.out={text(str(out))}"]
    if devices is not None:
        many = list(devices) if isinstance(devices, Sequence) else devices
        every.append(
            f"hydra.launcher.devices={text(devices if isinstance(devices, str) else many)}"
        )
    study = Study([*every, *as_words(settings), *words], [Path(folder) for folder in config_dirs])
    study.check()
    return study
