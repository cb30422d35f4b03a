"""A training script that misbehaves as it is told to. Imports nothing but the standard library."""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path


def _good() -> None:
    print("METRIC val_acc=0.9")


def _nan() -> None:
    print("METRIC val_acc=0.5 epoch=1\nMETRIC val_acc=nan epoch=2")


def _no_metric() -> None:
    print("METRIC train_loss=0.1\ntrained well")


def _nothing() -> None:
    return


def _hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(600):
        print("waiting for the others", flush=True)
        time.sleep(1)


def _stall() -> None:
    """Wait for ever on what never comes, beside a child, and write stacks when asked to."""
    faulthandler.register(signal.SIGUSR1)
    subprocess.Popen([sys.executable, "-c", "import time; 'a loader'; time.sleep(600)"])
    print("METRIC val_acc=0.5 epoch=1", flush=True)
    print("epoch 2 of 3", flush=True)
    time.sleep(600)


def _freeze() -> None:
    """Wait for ever without a word of faulthandler's in this script, in a function of its own."""
    print("epoch 2 of 3", flush=True)
    time.sleep(600)


def _freeze_in_c() -> None:
    """Do the same where SIGTERM has a handler that is never called, as C does not return."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print("epoch 2 of 3", flush=True)
    mutex, lock = ctypes.create_string_buffer(64), ctypes.CDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)


def _quiet() -> None:
    """Print nothing for long, and write to a file meanwhile."""
    with Path(os.environ["DARKMAGIC_DIRECTORY"], "log.csv").open("w") as file:
        for step in range(2 * int(ARGUMENTS.mark)):
            file.write(f"{step},\n")
            file.flush()
            time.sleep(1)
    _good()


def _fork() -> None:
    """Leave children behind: in its own group, in a session of their own, and orphaned."""
    sleep = [sys.executable, "-c", f"import time; '{ARGUMENTS.mark}'; time.sleep(600)"]
    subprocess.Popen(sleep)
    subprocess.Popen(sleep, start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    _good()


def _flood() -> None:
    line = b"x" * 99 + b"\n"
    for _ in range(40):
        sys.stdout.buffer.write(line * 10_000)
    sys.stdout.flush()
    _good()


def _one_line() -> None:
    sys.stdout.write("y" * 30_000_000 + "\n")
    _good()


def _bytes() -> None:
    sys.stdout.buffer.write(b"\xff\xfe\x00\x9c accuracy \xf0\x28\x8c\x28\n")
    sys.stdout.flush()
    _good()


def _delete() -> None:
    shutil.rmtree(os.environ["DARKMAGIC_DIRECTORY"])
    _good()


def _delete_all() -> None:
    shutil.rmtree(Path(os.environ["DARKMAGIC_DIRECTORY"]).parent)
    _good()


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _abort() -> None:
    """End as one in whose library an assertion fails."""
    print("epoch 1", flush=True)
    os.abort()


def _raise() -> None:
    raise ValueError("the images are gone")


def _kill_group() -> None:
    os.killpg(0, signal.SIGTERM)


def _read_input() -> None:
    input("continue? ")


def _close_output() -> None:
    _good()
    sys.stdout.flush()
    os.close(1)
    os.close(2)
    time.sleep(0.3)
    os._exit(0)


def _other_case() -> None:
    print("METRIC Val_Acc=0.9")


def _infinite() -> None:
    print("METRIC val_acc=1e400")


def _headless() -> None:
    Path(os.environ["DARKMAGIC_DIRECTORY"], "log.csv").write_text("0,0.5\n1,0.9\n")


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _daemon() -> None:
    """Go on in the background, as a daemon does, and give the metric too late."""
    print("in the background", flush=True)
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    time.sleep(600)
    _good()


def _last_words() -> None:
    """Fail as a script whose tracker has the last word, and an exit code of its own."""
    try:
        _raise()
    except ValueError:
        traceback.print_exc()
    print("\x1b[1;34mtracker\x1b[0m: find logs at nowhere", flush=True)
    os._exit(3)


def _folder_as_file() -> None:
    Path(os.environ["DARKMAGIC_DIRECTORY"], "metrics.csv").mkdir()
    print("wrote a folder")


def _twice() -> None:
    _good()
    _good()


def _stderr() -> None:
    print("METRIC val_acc=0.9", file=sys.stderr)


WAYS: dict[str, Callable[[], None]] = {
    name[1:]: function
    for name, function in list(globals().items())
    if name.startswith("_") and callable(function) and not name.startswith("__")
}
PARSER = argparse.ArgumentParser()
PARSER.add_argument("--how", choices=sorted(WAYS), default="good")
PARSER.add_argument("--mark", default="")
ARGUMENTS = PARSER.parse_args() if __name__ == "__main__" else argparse.Namespace(mark="")

if __name__ == "__main__":
    WAYS[ARGUMENTS.how]()
