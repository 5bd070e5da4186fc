"""TensorBoard's event files of a run, written as the search goes on."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.runs.images import Pixels, as_png
from compactrl.storage.files import writing
from compactrl.types import Floats, Metrics

EVENTS = "events.out.tfevents"
PICTURE_SECONDS = 10.0
"""Pictures are written at most this often: each takes a few milliseconds, and room on the disk."""


class EventsWriter:
    """A file of TensorBoard events: one scalar per metric, over environment steps.

    Records are written at once, in the calling thread. (`torch.utils.tensorboard` has a queue and a thread of its own,
    and loses what is queued at a `kill -9`.)

    Args:
        path: folder of the file.
        purge_from: TensorBoard forgets what earlier files have from this step on.
    """

    def __init__(self, path: Path, purge_from: int | None = None) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event = Event
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"{EVENTS}.{time.time_ns():019d}.{socket.gethostname()}.{os.getpid()}"
        self._path = path / name
        with writing(self._path):
            self._records = RecordWriter(open(self._path, "ab"))  # noqa: SIM115  (held until close)
        self._write(Event(file_version="brain.Event:2"))
        if purge_from is not None:
            self._write(Event(step=purge_from, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, metrics: Metrics) -> None:
        """Add the metrics of an iteration that ended at this environment step."""
        event = self._event(step=step)
        for key, value in metrics.items():
            if key not in ("iteration", "env_steps") and np.isfinite(value):
                event.summary.value.add(tag=key, simple_value=value)
        self._write(event)

    def add_pictures(self, step: int, returns: Floats, image: Pixels | None) -> None:
        """Add a histogram of returns (N,), failed ones left out, and an image (height, width, 3) of the design."""
        from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

        event = self._event(step=step)
        values = returns[np.isfinite(returns)]
        if len(values):
            counts, edges = np.histogram(values, bins="sturges")
            histogram = HistogramProto(
                min=values.min(), max=values.max(), num=len(values), sum=values.sum(), sum_squares=(values**2).sum(),
                bucket_limit=edges[1:], bucket=counts,
            )  # fmt: skip
            event.summary.value.add(tag="returns", histo=histogram)
        if image is not None:
            height, width, channels = image.shape
            encoded = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=as_png(image))
            event.summary.value.add(tag="design", image=encoded)
        self._write(event)

    def close(self) -> None:
        """Close the file; every event is in it already, or was said not to be."""
        with contextlib.suppress(OSError):
            self._records.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        with writing(self._path):
            self._records.write(event.SerializeToString())
            self._records.flush()
