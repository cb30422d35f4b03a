"""A command of a user's: where it runs, what it is given, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from darkmagic.trainers.command.dry_run import dry_run
from darkmagic.trainers.command.ended import Ended, judge
from darkmagic.trainers.command.log import HEAD_BYTES, TAIL_BYTES, OutputLog
from darkmagic.trainers.command.program import missing_program
from darkmagic.trainers.command.run import Watcher, find_metric, run_command
from darkmagic.trainers.command.sources.files import new_files
from darkmagic.trainers.command.sources.lines import Lines
from darkmagic.trainers.command.spec import Command
from darkmagic.trainers.command.tree import descendants

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
VALUES = {"seed": "7", "device": "cpu", "threads": "1"}


def _run(command: Command, folder: Path) -> tuple[Ended, Lines, dict[str, object]]:
    output = folder / "output"
    values = {**VALUES, "directory": str(output)}
    since = time.time() - 1
    ended, lines = run_command(command, output, values, folder / "log.txt", Watcher())
    found, looked = find_metric(command, lines, output, values, since)
    return ended, lines, judge(command, ended, found, looked, new_files(output, since))


def _python(code: str, *words: str, **settings: object) -> Command:
    return Command((sys.executable, "-c", code, *words), metric="acc", **settings)  # type: ignore[arg-type]


def test_script_is_given_the_trial_and_nothing_else_changes(tmp_path: Path) -> None:
    """Seed, folder and device are in words and environment; the working folder is the caller's."""
    code = """
import json, os, sys
print(json.dumps({"words": sys.argv[1:], "cwd": os.getcwd(), "group": os.getpgid(0),
                  "pid": os.getpid(), "env": dict(os.environ),
                  "own": os.environ["OWN"], "tty": sys.stdin.read()}))
"""
    words = ("--seed={seed}", "{directory}", "{not} $HOME; `x`", "{'a': 1}")
    command = _python(code, *words, environment={"OWN": "s{seed}"})
    _run(command, tmp_path)
    seen = json.loads((tmp_path / "log.txt").read_text())
    assert seen["words"] == ["--seed=7", f"{tmp_path}/output", "{not} $HOME; `x`", "{'a': 1}"]
    assert seen["cwd"] == str(Path.cwd())
    assert seen["group"] == seen["pid"] != os.getpgid(0)
    assert seen["env"]["DARKMAGIC_SEED"] == "7"
    assert seen["env"]["DARKMAGIC_DIRECTORY"] == f"{tmp_path}/output"
    assert (seen["own"], seen["tty"]) == ("s7", "")


def test_python_is_the_interpreter_that_was_chosen(tmp_path: Path) -> None:
    """`python` is the interpreter named, and programs beside it are found first."""
    chosen = tmp_path / "bin"
    chosen.mkdir()
    for name in ("python", "tool"):
        (chosen / name).write_text(f"#!/bin/sh\necho METRIC acc=0.5 from {name}\n")
        (chosen / name).chmod(0o755)
    for word in ("python", "tool"):
        command = Command((word, "x"), metric="acc", python=str(chosen / "python"))
        _, _, result = _run(command, tmp_path / word)
        assert result["status"] == "finished"


def test_children_of_parallel_commands_are_told_apart(tmp_path: Path) -> None:
    """Two commands at once in one process do not end one another's children."""
    code = "import time; time.sleep(1.0); print('METRIC acc=0.5')"
    results: dict[int, dict[str, object]] = {}

    def run(index: int, seconds: float) -> None:
        time.sleep(seconds)
        results[index] = _run(_python(code), tmp_path / str(index))[2]

    threads = [threading.Thread(target=run, args=(i, 0.3 * i)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result["status"] for result in results.values()} == {"finished"}


def test_interrupted_command_leaves_no_process(tmp_path: Path) -> None:
    """When the process that follows a command is interrupted, all that it started is ended."""

    class Interrupting(Watcher):
        def line(self, text: str) -> None:
            raise KeyboardInterrupt

    code = """
import subprocess, time
subprocess.Popen(["sleep", "600"], start_new_session=True)
print("on", flush=True)
time.sleep(600)
"""
    before = descendants(os.getpid())
    with pytest.raises(KeyboardInterrupt):
        run_command(_python(code), tmp_path / "o", VALUES, tmp_path / "log.txt", Interrupting())
    assert descendants(os.getpid()) <= before


@pytest.mark.parametrize("size", [10, HEAD_BYTES, HEAD_BYTES + 10, HEAD_BYTES + 3 * TAIL_BYTES])
def test_log_is_whole_up_to_a_size(tmp_path: Path, size: int) -> None:
    """What fits is kept whole; of more there are the beginning, the end and a line between."""
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    with OutputLog(tmp_path / "log.txt") as log:
        for at in range(0, size, 100_001):
            list(log.add(data[at : at + 100_001]))
    kept = (tmp_path / "log.txt").read_bytes()
    if size <= HEAD_BYTES + TAIL_BYTES:
        assert kept == data
    else:
        assert kept.startswith(data[:HEAD_BYTES])
        assert kept.endswith(data[-TAIL_BYTES:])
        assert b"are left out" in kept


REFUSED = {
    "--lr x": "invalid float value: 'x'",
    "--opt lion": "invalid choice: 'lion'",
    "--mixupp 1": "unrecognized arguments: --mixupp 1; did you mean --mixup?",
    "--mixup 1": "",
    "--mix 1": "",
    "--lr 1": "",
    "--no-bias": "",
    "--mixup": "expected one argument",
}


@pytest.mark.parametrize("words", REFUSED)
def test_dry_run_finds_what_a_script_refuses(tmp_path: Path, words: str) -> None:
    """A dry run with --help finds flags and values that the script refuses, and only those."""
    script = tmp_path / "train.py"
    script.write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\n"
        "p.add_argument('--opt', choices=['sgd', 'adam'])\np.add_argument('--mixup', type=float)\n"
        "p.add_argument('--bias', action=argparse.BooleanOptionalAction)\n"
        "p.parse_args()\nraise SystemExit(9)\n"
    )
    change = words.split()
    command = Command((sys.executable, str(script), *change), metric="acc")
    found = dry_run(command, ["--help"], change, VALUES, 60)
    assert found.understood
    assert (REFUSED[words] in found.problem) if REFUSED[words] else not found.problem


@pytest.mark.parametrize(
    ("word", "problem"), [("lr=1", ""), ("+drop=1", ""), ("lrr=1", "Could not override 'lrr'")]
)
def test_dry_run_knows_the_help_of_hydra(tmp_path: Path, word: str, problem: str) -> None:
    """Its help names neither usage nor flags; what it cannot override it refuses."""
    script = tmp_path / "train.py"
    script.write_text(
        "import hydra\nfrom hydra.core.config_store import ConfigStore\n"
        "ConfigStore.instance().store('config', {'seed': 0, 'lr': 0.1})\n"
        "@hydra.main(version_base=None, config_name='config')\n"
        "def main(config): raise SystemExit(9)\nmain()\n"
    )
    command = Command((sys.executable, str(script), "seed={seed}", word), metric="acc")
    found = dry_run(command, ["--help"], [word], VALUES, 60)
    assert found.understood
    assert (problem in found.problem) if problem else not found.problem


def test_script_that_knows_no_help_is_not_judged_by_it() -> None:
    """A script that trains whatever it is asked is ended after a while, and refuses nothing."""
    for name, code in {
        "sleeps": "import time; time.sleep(600)",
        "trains": "print('epoch 1')",
    }.items():
        found = dry_run(_python(code), ["--help"], ["--mixup"], VALUES, 1.5)
        assert (found.problem, found.understood) == ("", False), name


TRACE = "raise ValueError('the images\\nare gone')"
THERE = "import os; os.chdir(os.environ['DARKMAGIC_DIRECTORY'])"
ENDS = {
    "traceback": (TRACE, "ExitCode 1: ValueError: the images"),
    "more after it": (
        f"import atexit; atexit.register(print, '\x1b[1mwandb\x1b[0m: bye'); {TRACE}",
        "ExitCode 1: ValueError: the images",
    ),
    "one long before": (
        (
            "import traceback\ntry:\n    1 / 0\nexcept Exception:\n    traceback.print_exc()\n"
            "print('go on\\n' * 50)\nraise SystemExit('no images in x')"
        ),
        "ExitCode 1: no images in x",
    ),
    "another case": ("print('METRIC Acc=0.5')", "it gave Acc (did you mean that?)"),
    "another name": ("print('METRIC loss=0.5')", "NoMetric: acc never came; it gave loss"),
    "nothing": ("", "printed nothing; print 'METRIC acc=0.9', or give --pattern, --file"),
    "files": (
        f"{THERE}; os.mkdir('w'); open('w/a.pt', 'w')",
        "printed nothing, and wrote w/a.pt; print 'METRIC acc=0.9'",
    ),
    "many files": (
        f"{THERE}; print('done'); [open(f'{{n}}.txt', 'w').write('acc 1') for n in range(7)]",
        "{directory}, where it wrote 6.txt, 5.txt, 4.txt, 3.txt, 2.txt and 2 more; print",
    ),
    "colours": ("print('\x1b[31mdone\x1b[0m')", "(its last line: done)"),
}


@pytest.mark.parametrize("name", ENDS)
def test_reason_is_what_a_person_would_look_for(tmp_path: Path, name: str) -> None:
    """The reason of a failure is the exception, not what was printed after it, or the near name."""
    code, reason = ENDS[name]
    _, _, result = _run(_python(code), tmp_path)
    assert result["status"] == "failed"
    assert reason in str(result["reason"])


def test_missing_program_and_script_are_named(tmp_path: Path) -> None:
    """What is not there is said before anything runs, with the nearest that is."""
    (tmp_path / "train.py").touch()
    assert "no-such" in str(missing_program(Command(("no-such", "x"), metric="a")))
    found = missing_program(Command(("python", str(tmp_path / "trian.py")), metric="a"))
    assert f"did you mean {tmp_path}/train.py?" in str(found)
    assert missing_program(Command(("python", str(tmp_path / "train.py")), metric="a")) is None


PROGRAMS = {
    "no first line": (("./bare",), "./bare says no interpreter in its first line"),
    "odd first line": (("./odd",), "is for the interpreter /no/such/shell, which is not there"),
    "not executable": (("./train.py",), "./train.py may not be run; chmod +x it, or write its"),
    "folder": (("./code",), "./code is a folder, not a program; in it: main.py"),
    "folder as script": (("python", "code"), "code is a folder, not a script; in it: main.py"),
    "folder that is a program": (("python", "package"), None),
    "nothing": (("./nothing",), "no program ./nothing"),
    "empty": (("./empty",), "./empty says no interpreter in its first line"),
    "good": (("./good",), None),
    "binary": (("/bin/ls",), None),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_that_cannot_be_run_is_said_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file without an interpreter, without permission or a folder is named with what to do."""
    monkeypatch.chdir(tmp_path)
    for folder, file in {"code": "main.py", "package": "__main__.py"}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).touch()
    (tmp_path / "train.py").write_text("print()\n")
    texts = {"bare": "print()\n", "odd": "#!/no/such/shell\n", "empty": "", "good": "#!/bin/sh\n"}
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(0o755)
    words, problem = PROGRAMS[name]
    found = missing_program(Command(words, metric="acc"))
    assert (problem in str(found)) if problem else found is None


def test_program_that_the_system_refuses_is_one_line(tmp_path: Path) -> None:
    """What looks like a program and is none is said, not raised."""
    program = tmp_path / "broken"
    program.write_bytes(b"\x7fELF no program")
    program.chmod(0o755)
    found = dry_run(Command((str(program),), metric="acc"), ["--help"], [], VALUES, 10)
    assert "broken cannot be run: Exec format error" in found.problem


SETTINGS = {
    "segmentation": ("iou", (), ("--loss", "dice")),
    "keypoints": ("error", ("--out", "{directory}"), ("--flips",)),
    "detection": ("ap50", (), ("--target", "log")),
    "text": ("bits", (), ("--smoothing", "0.1")),
    "tabular": ("rmse", ("--out", "{directory}/result.json"), ("--features", "200")),
}


@pytest.mark.parametrize("task", SETTINGS)
def test_example_beyond_classification_has_its_metric(tmp_path: Path, task: str) -> None:
    """Each example trains, gives its metric, and its change changes that."""
    metric, own, change = SETTINGS[task]
    pattern = "bits per word: ([0-9.]+)" if task == "text" else None
    script = ("python", str(EXAMPLES / f"{task}.py"), "--seed", "{seed}", *own)
    results = [
        _run(Command((*script, *more), metric=metric, pattern=pattern), tmp_path / str(index))[2]
        for index, more in enumerate([(), change])
    ]
    assert [result["status"] for result in results] == ["finished", "finished"], results
    assert results[0]["value"] != results[1]["value"]


HYDRA_APP = """
import hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config):
    print("METRIC acc=0.5")
if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modl.lr=1"], "Could not override 'modl.lr'"),
        (["hydra.run.dir={directory}"], "needs quotes of Hydra's: hydra.run.dir='{directory}'"),
        (["hydra.run.dir='{directory}'"], ""),
    ],
)
def test_what_hydra_refuses_is_the_reason(tmp_path: Path, words: list[str], said: str) -> None:
    """A folder above may have an equals sign; and no reason is the advice to show a stack trace."""
    (tmp_path / "app.py").write_text(HYDRA_APP)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("lr: 1\nmodel: {size: 3}\n")
    folder = tmp_path / "lr=0.1" / "adam-s0"
    folder.mkdir(parents=True)
    command = Command((sys.executable, str(tmp_path / "app.py"), *words), metric="acc")
    ended, _, result = _run(command, folder)
    assert (ended.code == 0) is not bool(said), (folder / "log.txt").read_text()
    assert said in str(result["reason"])
    assert "HYDRA_FULL_ERROR" not in str(result["reason"])
    if said:
        values = {**VALUES, "directory": f"{folder}/output"}
        tried = dry_run(command, ["--cfg", "job"], [], values, 60)
        assert tried.understood
        assert "HYDRA_FULL_ERROR" not in tried.problem
