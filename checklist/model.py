"""What a checklist is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from darkmagic.checklist.errors import UserError, nearest

__all__ = ["BASELINE", "SCREEN", "Checklist", "Trial", "Trick", "trial_name"]

BASELINE = "baseline"
SCREEN = "screen"
"""In place of a trick, of trials that mix the options of several: `screen-07`."""


def trial_name(trick: str | None, option: str | None) -> str:
    """Return `baseline`, `trick=option`, or `screen-07` of a trial that mixes several.

    A trick without a name gives the option's alone.

    >>> trial_name(None, None), trial_name("mixup", "on"), trial_name(SCREEN, "07")
    ('baseline', 'mixup=on', 'screen-07')
    """
    if trick is None:
        return BASELINE
    if not trick:
        return str(option)
    return f"{trick}-{option}" if trick == SCREEN else f"{trick}={option}"


@dataclass(frozen=True)
class Trick:
    """One line of a checklist: a trick and the options to compare.

    `options` are names of config files, the baseline's first. `vanilla` is the option
    of the plain recipe (off or generic), the baseline's where not given.

    >>> Trick("mixup", section="regularisation", options=("off", "on")).options[0]
    'off'
    """

    name: str
    section: str
    options: tuple[str, ...]
    vanilla: str | None = None

    def __post_init__(self) -> None:
        if not self.options:
            raise UserError(f"trick {self.name!r} has no options")
        if len(set(self.options)) != len(self.options):
            raise UserError(f"trick {self.name!r} names an option twice: {list(self.options)}")
        if self.vanilla is not None and self.vanilla not in self.options:
            raise UserError(
                f"trick {self.name!r} has no option {self.vanilla!r} to be its vanilla one; "
                + nearest(self.vanilla, self.options)
            )


@dataclass(frozen=True)
class Checklist:
    """Tricks in the order in which they are reported.

    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> mine.trick("mixup").options
    ('off', 'on')
    """

    name: str
    tricks: tuple[Trick, ...]

    def __post_init__(self) -> None:
        counts = Counter(trick.name for trick in self.tricks)
        if twice := sorted(name for name, count in counts.items() if count > 1):
            raise UserError(f"checklist {self.name!r} names {twice} twice")

    def trick(self, name: str) -> Trick:
        """Return the trick called `name`; raise `UserError` where there is none."""
        for trick in self.tricks:
            if trick.name == name:
                return trick
        raise UserError(
            f"checklist {self.name!r} has no trick {name!r}; "
            + nearest(name, [trick.name for trick in self.tricks])
        )


@dataclass(frozen=True)
class Trial:
    """One training run: the baseline's choices with one trick changed, or several in a screen.

    `choices` maps every trick of the checklist to an option; `trick` and `option` say
    which one was changed (None for the baseline itself), or which trial of a screen it is.

    >>> Trial("mixup", "on", "regularisation", seed=0).name, Trial(None, None, "", seed=0).name
    ('mixup=on', 'baseline')
    """

    trick: str | None
    option: str | None
    section: str
    seed: int
    choices: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """`baseline`, `trick=option` or `screen-07`: shared by the trial's seeds."""
        return trial_name(self.trick, self.option)
