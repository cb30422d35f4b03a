"""The `trainer` node of a configuration: checked, and brought to what one trial runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.trial.command.changes import read_change, read_options
from darkmagic.trainers.command.sources.lines import pattern_problem

__all__ = ["COMMAND", "TRAINER", "effective", "is_command", "mapped_options", "relevant_keys"]

TRAINER, COMMAND = "trainer", "command"
KEYS = (
    *("name", "command", "env", "python", "metric", "direction", "unit", "scale", "decimals"),
    *("pattern", "files", "mlflow", "take", "timeout", "resume", "check", "tricks", "chosen"),
    *("tried", "script"),
)
NO_EFFECT = (
    *("name", "python", "unit", "scale", "decimals", "timeout", "resume", "check", "changes"),
    *("tried", "script", "unmapped"),
)
"""Keys that say how a trial runs and is shown, and cannot change its result."""
CHANGES = "{changes}"
"""Where the words of options go; at the end of a command without it."""
MIN_WORDS = ("loss", "error", "err", "mae", "mse", "rmse", "perplexity", "ppl", "seconds", "time")
MAX_WORDS = (
    *("acc", "accuracy", "top1", "top5", "f1", "auc", "auroc", "map", "ap", "iou", "miou", "dice"),
    *("r2", "score", "precision", "recall", "bleu", "psnr", "ssim", "reward", "acc1", "map50"),
)


def is_command(config: Mapping[Any, Any]) -> bool:
    """Whether a configuration, resolved or not, is of a command and not of our own loop."""
    return TRAINER in config


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
            change = read_change(options[trick][option], f"trainer.tricks.{trick}.{option}")
            args += change.args
            env |= change.env
        else:
            unmapped.append(str(choice))
    command = [str(word) for word in node["command"]]
    at = command.index(CHANGES) if CHANGES in command else len(command)
    kept = {key: node[key] for key in KEYS if key in node and key not in ("tricks", "chosen")}
    return {
        **kept,
        "command": [*command[:at], *args, *command[at + 1 :]],
        "env": env,
        "changes": args,
        "unmapped": unmapped,
        "direction": direction_of(str(node["metric"]), node.get("direction")),
    }


def relevant_keys(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an effective node can change a trial's result."""
    return {k: v for k, v in node.items() if k not in NO_EFFECT and v not in (None, [], {})}


def direction_of(metric: str, given: Any) -> str:
    """Return `max` or `min`, by the name of the metric if it is not given.

    >>> direction_of("val/loss", None), direction_of("metrics/mAP50(B)", None)
    ('min', 'max')
    """
    if given is not None:
        if given not in ("max", "min"):
            raise UserError(f"trainer.direction={given}: " + nearest(str(given), ["max", "min"]))
        return str(given)
    words = "".join(c if c.isalnum() else " " for c in metric.lower()).split()
    for known, found in ((MIN_WORDS, "min"), (MAX_WORDS, "max")):
        if any(word in known for word in words):
            return found
    raise UserError(
        f"is a higher {metric} better, or a lower one? write --direction max or min "
        "(trainer.direction)"
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
    for key in ("files", "resume", "check"):
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
