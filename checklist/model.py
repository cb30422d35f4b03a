"""What a checklist is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from darkmagic.checklist.errors import UserError, nearest

__all__ = [
    "BASELINE",
    "RATE_TRICK",
    "SCREEN",
    "TUNED",
    "Checklist",
    "Trial",
    "Trick",
    "rate_partners",
    "rates_needed",
    "show_rates",
    "trial_name",
]

BASELINE = "baseline"
SCREEN = "screen"
"""In place of a trick, of trials that mix the options of several: `screen-07`."""
TUNED = "tune"
"""In place of a trick, of trials that a study suggested: `tune-007`."""


RATE_TRICK = "learning_rate"
"""The trick whose options are rates: a checklist that has it compares rates itself."""


def trial_name(trick: str | None, option: str | None) -> str:
    """Return `baseline`, `trick=option`, or `screen-07` or `tune-007` of one that mixes several.

    A trick without a name gives the option's alone.

    >>> trial_name(None, None), trial_name("mixup", "on"), trial_name(SCREEN, "07")
    ('baseline', 'mixup=on', 'screen-07')
    """
    if trick is None:
        return BASELINE
    if not trick:
        return str(option)
    return f"{trick}-{option}" if trick in (SCREEN, TUNED) else f"{trick}={option}"


@dataclass(frozen=True)
class Trick:
    """One line of a checklist: a trick and the options to compare.

    `options` are names of config files, the baseline's first. `vanilla` is the option
    of the plain recipe (off or generic), the baseline's where not given. `retune` has for options
    that are only fairly compared at a rate of their own what is to be tuned with them.

    >>> Trick("mixup", section="regularisation", options=("off", "on")).options[0]
    'off'
    """

    name: str
    section: str
    options: tuple[str, ...]
    vanilla: str | None = None
    retune: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

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


def rates_needed(checklist: Checklist, *, screened: bool = False) -> dict[str, tuple[str, ...]]:
    """Return which rates each trial but the baseline is only fairly compared at its own of.

    None where a screen has the rate as a trick of its own: then every option is seen at all rates.

    >>> needs = {"adam": ("lr", "decay")}
    >>> mine = Checklist("mine", (Trick("optimizer", "", ("sgd", "adam"), retune=needs),))
    >>> rates_needed(mine)
    {'optimizer=adam': ('lr', 'decay')}
    """
    if screened and any(trick.name == RATE_TRICK for trick in checklist.tricks):
        return {}
    return {
        trial_name(trick.name, option): trick.retune[option]
        for trick in checklist.tricks
        for option in trick.options[1:]
        if option in trick.retune
    }


def rate_partners(checklist: Checklist) -> tuple[str, ...]:
    """Return the tricks whose combinations with the rate a screen tells apart: the optimizers.

    They are known by naming the weight decay beside the rate. Empty where the rate is no trick of
    `checklist`.

    >>> opt = Trick("opt", "", ("sgd", "adam"), retune={"adam": ("lr", "decay")})
    >>> rate_partners(Checklist("mine", (opt, Trick("learning_rate", "", ("x1", "x3")))))
    ('opt',)
    """
    if all(trick.name != RATE_TRICK for trick in checklist.tricks):
        return ()
    return tuple(
        trick.name
        for trick in checklist.tricks
        if any("decay" in names for names in trick.retune.values())
    )


@dataclass(frozen=True)
class Trial:
    """One training run: the baseline's choices with one trick changed, or several in a screen.

    `choices` maps every trick of the checklist to an option; `trick` and `option` say
    which one was changed (None for the baseline itself), or which trial of a screen it is. `rates`
    are what its learning rate (`lr`) and weight decay (`decay`) are multiplied by.

    >>> Trial("mixup", "on", "regularisation", seed=0).name, Trial(None, None, "", seed=0).name
    ('mixup=on', 'baseline')
    """

    trick: str | None
    option: str | None
    section: str
    seed: int
    choices: Mapping[str, str] = field(default_factory=dict, hash=False)
    rates: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """`baseline`, `trick=option` or `screen-07`: shared by the trial's seeds."""
        return trial_name(self.trick, self.option)

    @property
    def recipe_name(self) -> str:
        """Its name with its rates, where it has some: what no trial of another recipe has.

        >>> Trial("mixup", "on", "", 0, rates={"lr": 3.0}).recipe_name
        'mixup=on, lr x3'
        """
        return ", ".join([self.name, *show_rates(self.rates)])


def show_rates(rates: Mapping[str, float]) -> list[str]:
    """Return each of `rates` in words; those that multiply by 1 too.

    >>> show_rates({"lr": 1 / 3, "decay": 1.0})
    ['lr x0.333', 'decay x1']
    """
    return [f"{name} x{factor:.3g}" for name, factor in rates.items()]
