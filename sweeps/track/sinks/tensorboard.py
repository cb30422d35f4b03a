"""`track=tensorboard`: a folder of event files a trial, in `tensorboard/` of the experiment.

Epochs are there as they end: `tensorboard --logdir runs/EXPERIMENT/tensorboard` shows them live.
Records are written by TensorBoard's own writer to files that we open: its other classes start a
thread a trial, and import TensorFlow where there is one.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkmagic.sweeps.track.sinks.sink import Sink
from darkmagic.sweeps.track.tracked_run import TrackedRun

__all__ = ["TensorBoardSink"]

OF_THE_MACHINE = ("runtime.", "track", "trainer.")
"""What the parameters begin with that are no hyper-parameters."""
STATUSES = {"FINISHED": "STATUS_SUCCESS", "FAILED": "STATUS_FAILURE"}
_count = itertools.count()


class TensorBoardSink(Sink):
    """Event files of scalars, with hyper-parameters for TensorBoard's table of them."""

    name = "tensorboard"
    look = "tensorboard --logdir {folder}"

    def __init__(self, folder: Path, experiment: str) -> None:
        super().__init__(folder, experiment)
        self._open: dict[str, Any] = {}

    def _write(self, key: str, run: TrackedRun) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        writer = self._open.get(key) or self._begin(key, run)
        with run.lock:
            metrics, run.metrics = run.metrics, []
            run.tags = {}
        for name, value, stamp, step in metrics:
            scalar = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            event = Event(wall_time=stamp / 1000, step=step, summary=scalar)
            writer.write(event.SerializeToString())
        if run.next_status is not None:
            writer.write(_session_end(run.next_status).SerializeToString())
            self._open.pop(key).close()
        else:
            writer.flush()

    def _begin(self, key: str, run: TrackedRun) -> Any:
        """Open the trial's file, after emptying what a former command has written.

        Emptied, not removed: a TensorBoard that reads a file goes no further once it is gone.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder = self.place / key
        folder.mkdir(parents=True, exist_ok=True)
        for former in folder.glob("*tfevents*"):
            os.truncate(former, 0)
        now = time.time()  # readers take files in the order of their names
        name = f"{now:.3f}.{socket.gethostname()}.{os.getpid()}.{next(_count):06}"
        file = (folder / f"events.out.tfevents.{name}").open("wb")
        writer = self._open[key] = RecordWriter(file)
        with run.lock:
            params, run.params = dict(run.params), {}
        events = [
            Event(wall_time=now, file_version="brain.Event:2"),
            # A TensorBoard that has read the trial's former file drops what it read.
            Event(wall_time=now, step=0, session_log=SessionLog(status=SessionLog.START)),
            Event(wall_time=now, step=0, summary=_hyper_parameters(params, key, now)),
        ]
        for event in events:
            writer.write(event.SerializeToString())
        return writer

    def close(self) -> None:
        """Close the files of trials that have not ended."""
        super().close()
        for writer in self._open.values():
            writer.close()
        self._open.clear()


def _hyper_parameters(params: Mapping[str, str], trial: str, when: float) -> Any:
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    shown = {k: _number(v) for k, v in params.items() if not k.startswith(OF_THE_MACHINE)}
    return hparams_pb(shown, trial_id=trial, start_time_secs=when)


def _number(value: str) -> float | str:
    """Return the number that `value` is, which TensorBoard draws on an axis; else the text."""
    try:
        return float(value)
    except ValueError:
        return value


def _session_end(status: str) -> Any:
    """Return the event that ends the trial in the table of hyper-parameters."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    ended = getattr(api_pb2, STATUSES.get(status, "STATUS_UNKNOWN"))
    now = time.time()
    content = HParamsPluginData(session_end_info=SessionEndInfo(status=ended, end_time_secs=now))
    value = Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(content),
        tensor=metadata.NULL_TENSOR,
    )
    return Event(wall_time=now, step=0, summary=Summary(value=[value]))
