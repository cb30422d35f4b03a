"""A dry run of a command: whether the script takes its words, before anything is trained."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from darkmagic.trainers.command.ended import Ended
from darkmagic.trainers.command.log import hydra_error
from darkmagic.trainers.command.run import Watcher, run_command
from darkmagic.trainers.command.spec import Command

__all__ = ["DryRun", "dry_run"]

HELP = ("--help", "-h", "help")
OF_HELP = re.compile(r"usage|--help|powered by hydra", re.IGNORECASE)
"""What stands in the help of argparse and its likes, and in that of a Hydra application."""
FLAG = re.compile(r"(?<![\w-])--?[A-Za-z][\w.-]*")
PROBE = "--darkmagic-no-such-flag"
"""A flag that no script has: what refuses it names with it the others that it does not know."""
ERROR = re.compile(r"error|unrecognized|invalid|no such option|unknown|not|required", re.IGNORECASE)
KEPT = 1 << 20


@dataclass(frozen=True)
class DryRun:
    """What a dry run showed: `problem` is why the script refuses its words, empty if it does not.

    `understood` says whether the script ended by itself and knows the words of the dry run;
    if not, nothing is known of the others.
    """

    problem: str = ""
    understood: bool = True


def dry_run(
    command: Command,
    words: Sequence[str],
    doubted: Sequence[str],
    values: Mapping[str, str],
    seconds: float,
    surroundings: Callable[[Path], Mapping[str, str]] = lambda _: {},
) -> DryRun:
    """Run `command` with `words` behind it, such as `--help`, in a folder that is then deleted.

    `surroundings` are variables of the environment by which what it writes stays in that folder.

    A script that ends with another exit code than 0 refuses what it was given. Where the words
    ask for help, the flags among `doubted` have to be in it, or the script is asked again, with
    one more flag that it cannot know: then it names all that it does not know.
    """
    own = partial(_try, command, values=values, seconds=seconds, surroundings=surroundings)
    try:
        ended, text = own(words)
    except OSError as error:  # the system does not run it, whatever its words
        return DryRun(f"{command.filled({})[0]} cannot be run: {error.strerror}")
    is_help = any(word in HELP for word in words)
    if ended.timed_out or (is_help and not _knows_help(ended, text)):
        return DryRun(understood=False)
    if ended.failure:
        return DryRun(_reason(text, ended))
    known = set(FLAG.findall(text)) if is_help else set()
    doubtful = [flag for flag in _flags(doubted) if not any(k.startswith(flag) for k in known)]
    if not doubtful or len(known) < 2:
        return DryRun()
    ended, text = own([PROBE])
    refusal = next((line for line in _errors(text) if any(f in line for f in doubtful)), None)
    if not ended.failure or ended.timed_out or refusal is None:
        return DryRun()
    close = difflib.get_close_matches(doubtful[0], known, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]}?" if close else ""
    return DryRun(_without_probe(refusal) + hint)


class _Collector(Watcher):
    """Nothing is shown of a dry run."""


def _try(
    command: Command,
    words: Sequence[str],
    values: Mapping[str, str],
    seconds: float,
    surroundings: Callable[[Path], Mapping[str, str]],
) -> tuple[Ended, str]:
    with tempfile.TemporaryDirectory(prefix="darkmagic-") as folder:
        output = Path(folder) / "output"
        log = Path(folder) / "log.txt"
        environment = {**surroundings(output), **command.environment}
        limited = dataclasses.replace(
            command, timeout=seconds, pattern=None, environment=environment
        )
        own = {**values, "directory": str(output)}
        ended, _ = run_command(limited, output, own, log, _Collector(), words)
        with log.open("rb") as file:
            return ended, file.read(KEPT).decode(errors="replace")


def _knows_help(ended: Ended, text: str) -> bool:
    """Whether a script was asked for help and gave some, or refused other words of it."""
    if ended.failure:
        said = {word for line in _errors(text)[-1:] for word in re.findall(r"[\w-]+", line)}
        return not said & set(HELP)
    return bool(OF_HELP.search(text)) or len(set(FLAG.findall(text))) > 3


def _flags(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if re.match(r"--?[A-Za-z]", word):
            yield word.partition("=")[0]


def _errors(text: str) -> list[str]:
    """Return the lines that say what is wrong, the last lines of a script that was refused."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return [line for line in lines[-12:] if ERROR.search(line)] or lines[-1:]


def _reason(text: str, ended: Ended) -> str:
    if ended.crashed_in:  # the stacks stand last
        return ended.failure
    lines = _errors(text)
    return hydra_error(text) or (lines[-1][:300] if lines else ended.failure)


def _without_probe(line: str) -> str:
    return " ".join(line.replace(PROBE, "").split())
