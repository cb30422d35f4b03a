"""Commands that train or read runs, generated with their options and words."""

from __future__ import annotations

from hypothesis import strategies as st

from typed_inputs import RIGHT, overrides

__all__ = ["blocked_lines"]

COMMANDS = {
    "checklist run": ["--skip-preflight", "--interactions", "--fail-fast", "--detach", "--dry-run"],
    "train": ["-m", "--multirun"],
    "tune": ["--only", "--seeds", "--skip-preflight"],
    "optimize": ["--seeds", "--skip-preflight"],
    "refine weight_decay": ["--points", "--factor", "--skip-preflight"],
    "checklist confirm": ["--take", "--seeds", "--cheap"],
    "checklist ablate": ["--take", "--seeds", "--path"],
    "ensemble": ["--of", "--trial", "-k", "--split", "--devices"],
    "report": ["--format", "--sort", "--runs", "--compare", "--watch", "--expect", "--of", "-n"],
    "checklist status": ["-n"],
    "checklist cancel": ["-n"],
}
"""Commands that train or read runs, and options of each."""
WITHOUT_WORDS = ("ensemble", "report", "checklist status", "checklist cancel")
"""Commands that take an experiment in the place of overrides."""
OWN = {
    "--only": ["mixup", "mixup=on", "nope", "", "optimizer=nope"],
    "--take": ["mixup=on", "mixup", "optimizer=adam", "=", "mixup=on=off", "nope=on"],
    "--of": ["seeds", "trials", "mixup=on", ""],
    "--expect": ["better", "no-worse", "best", ""],
    "--sort": ["best", "checklist", "x"],
    "--format": ["md", "html", "pdf"],
    "--split": ["val", "test", "train"],
}
NUMBERS = ["0", "1", "2", "-1", "5", "1e9", "99999999999999999999", "nan", "inf", "2.0", "x", ""]
FLAGS = {"--skip-preflight", "--interactions", "--fail-fast", "--detach", "--dry-run", "-m"} | {
    *("--multirun", "--cheap", "--path", "--runs", "--compare")
}


@st.composite
def blocked_lines(draw: st.DrawFn) -> list[str]:
    """Return the arguments of a command that trains or reads runs, most often without its checks
    before training, which take seconds.
    """
    command = draw(st.sampled_from([*COMMANDS]))
    line = command.split()
    if "--skip-preflight" in COMMANDS[command]:
        line.append("--skip-preflight")
    for option in draw(st.lists(st.sampled_from(COMMANDS[command]), max_size=2, unique=True)):
        line.append(option)
        if option not in FLAGS:
            line.append(draw(st.sampled_from(OWN.get(option, NUMBERS))))
    if command in WITHOUT_WORDS:
        return line
    return [*line, *draw(st.lists(st.sampled_from(RIGHT), max_size=2)), *draw(_one_at_most())]


def _one_at_most() -> st.SearchStrategy[list[str]]:
    """Return one override that may not be right, or none."""
    return st.one_of(st.just([]), overrides().filter(lambda o: not o.startswith("-")).map(_alone))


def _alone(override: str) -> list[str]:
    return [override]
