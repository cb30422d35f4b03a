"""The `trainer` node of a configuration: checked, and brought to what one trial runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.judging.tables.names import direction_of
from darkmagic.checklist.metric import Direction, Metric
from darkmagic.sweeps.trial.command.changes import read_change, read_options
from darkmagic.text import shell_line, shell_word
from darkmagic.trainers.command.sources.lines import pattern_problem
from darkmagic.trainers.command.spec import fill

__all__ = [
    "AUTO_DECIMALS",
    "TRAINER",
    "command_line",
    "effective",
    "is_command",
    "mapped_options",
    "metric_of",
    "refuse_command",
    "relevant_keys",
]

TRAINER = "trainer"
SECONDS = "seconds"  # the metric that every command has: how long it ran
SHOWN = ("name", "script", "unit", "scale", "decimals")
RUN = ("python", "timeout", "resume", "check")
KEYS = (
    *SHOWN,
    *RUN,
    *("command", "args", "env", "metric", "direction", "take", "pattern", "files", "mlflow"),
    *("tricks", "chosen"),
)
NO_EFFECT = (*SHOWN, *RUN, "args", "changes", "unmapped")
"""Keys that say how a trial runs and is shown, and cannot change its result."""
AUTO_DECIMALS = -1
"""As many decimals as the runs' spread needs, which is known in the end."""
CHANGES = "{changes}"
"""Where the words of options go; at the end of a command without it."""
ARGS = "{args}"
"""Where the words of `args` go; before those of options in a command without it."""


def is_command(config: Mapping[Any, Any]) -> bool:
    """Whether a configuration, resolved or not, is of a command and not of our own loop."""
    return TRAINER in config


def refuse_command(config: Mapping[Any, Any], what: str, instead: str) -> None:
    """Raise `UserError` where `config` is of a command, for which `what` cannot be done."""
    if is_command(config):
        raise UserError(f"{what} is of darkmagic's own loop, not of a command; {instead}")


def mapped_options(node: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of each trick that the trainer maps, in their order."""
    tricks = node.get("tricks") or {}
    if not isinstance(tricks, Mapping):
        raise UserError(f"trainer.tricks={tricks!r}: write a mapping, mixup: {{off: [], on: ...}}")
    return {str(trick): read_options(str(trick), content) for trick, content in tricks.items()}


def effective(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the trial runs whose `trainer` node is `node`, checked.

    `chosen` names its options, `trick=option`; their words are put into the command. Options
    without a mapping change nothing, and are in `unmapped`. Raises `UserError`
    for what cannot be used.

    >>> mixup = {"off": None, "on": "--mixup 0.2"}
    >>> node = {"name": "mine", "command": ["train"], "metric": "acc", "tricks": {"mixup": mixup}}
    >>> effective({**node, "chosen": ["mixup=on"]})["command"]
    ['train', '--mixup', '0.2']
    """
    _check(node)
    options = mapped_options(node)
    args: list[str] = []
    unmapped: list[str] = []
    env = {str(name): str(value) for name, value in (node.get("env") or {}).items()}
    for choice in node.get("chosen") or ():
        trick, _, option = str(choice).partition("=")
        if trick in options and option in options[trick]:
            where = f"trainer.tricks.{trick}.{option}"
            change = read_change(options[trick][option], where)
            args += change.args
            env |= change.env
        else:
            unmapped.append(str(choice))
    command = _with_args(node)
    at = command.index(CHANGES) if CHANGES in command else len(command)
    kept = {
        key: node[key] for key in KEYS if key in node and key not in ("args", "tricks", "chosen")
    }
    return {
        **kept,
        "command": [*command[:at], *args, *command[at + 1 :]],
        "env": env,
        "changes": args,
        "unmapped": unmapped,
        "direction": metric_of(node).direction.value,
    }


def command_line(resolved: Mapping[str, Any]) -> str:
    """Return what the trial `resolved` runs, as a line of a shell; its folder is `output`."""
    node = resolved[TRAINER]
    values = {"seed": str(resolved["seed"]), "directory": "output"}
    env = [f"{name}={shell_word(fill(value, values))}" for name, value in node["env"].items()]
    return " ".join([*env, shell_line(fill(word, values) for word in node["command"])])


def _with_args(node: Mapping[str, Any]) -> list[str]:
    """Return the words of the command, those of `args` at their place or behind."""
    words = [str(word) for word in node["command"]]
    args = [str(word) for word in node.get("args") or ()]
    at = words.index(ARGS) if ARGS in words else len(words)
    if CHANGES in words and ARGS not in words:
        at = words.index(CHANGES)
    return [*words[:at], *args, *words[at + (ARGS in words) :]]


def relevant_keys(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an effective node can change a trial's result."""
    return {k: v for k, v in node.items() if k not in NO_EFFECT and v not in (None, [], {})}


def metric_of(node: Mapping[str, Any]) -> Metric:
    """Return the metric of a trainer's node; raise `UserError` where its direction is not known.

    >>> found = metric_of({"metric": "val_loss", "take": "best"})
    >>> found.direction.value, found.taken
    ('min', 'best')
    """
    name, given = str(node["metric"]), node.get("direction")
    decimals = node.get("decimals")
    return Metric(
        name,
        unit=str(node.get("unit") or ("s" if name == SECONDS else "")),
        direction=direction_of(name) if given is None else Direction.parse(str(given)),
        scale=float(node.get("scale") or 1.0),
        decimals=AUTO_DECIMALS if decimals is None else int(decimals),
        taken=str(node.get("take") or "last"),
    )


def _check(node: Mapping[str, Any]) -> None:
    for key in node:
        if key not in KEYS:
            raise UserError(f"no key trainer.{key}; " + nearest(str(key), KEYS))
    command = node.get("command")
    if not isinstance(command, list) or not command or not all(map(_is_word, command)):
        raise UserError(
            f"trainer.command={command!r}: write a list of words, [python, train.py, --seed, "
            "'{seed}']"
        )
    if not isinstance(node.get("metric"), str) or not node["metric"]:
        raise UserError("trainer.metric is not set; name the figure that decides, such as val_acc")
    for key in ("args", "files", "resume", "check"):
        value = node.get(key)
        if value is not None and not (isinstance(value, list) and all(map(_is_word, value))):
            raise UserError(f"trainer.{key}={value!r}: write a list, [{value!r}]")
    pattern = node.get("pattern")
    problem = pattern_problem(str(pattern)) if pattern is not None else None
    if problem is not None:
        raise UserError(f"trainer.pattern={pattern!r}: {problem}")
    timeout = node.get("timeout")
    if timeout is not None and (isinstance(timeout, bool) or not _positive(timeout)):
        raise UserError(f"trainer.timeout={timeout!r}: need a number of seconds over 0")
    if node.get("take", "last") not in ("last", "best"):
        raise UserError(f"trainer.take={node['take']}: " + nearest(node["take"], ["last", "best"]))


def _is_word(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0
