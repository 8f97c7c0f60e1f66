"""The worker's files: prompts mapped read-only, recordings written by a thread so that no disk stops the clock."""

from __future__ import annotations

import mmap
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

import numpy

from foundation.sound import Codec
from ivr.media.codecs import Octets
from ivr.media.recording import wav_header

_MAPPED_AT_MOST = 2048


class PromptFiles:
    """A `SoundLoader`. Files are named by what they hold, so one that is mapped is never stale."""

    def __init__(self) -> None:
        self._mapped: OrderedDict[str, Octets] = OrderedDict()

    def __call__(self, stem: str, codec: Codec, milliseconds: int) -> Octets:
        """Raises OSError, or ValueError for an empty file."""
        path = f"{stem}.{codec.lower()}"
        octets = self._mapped.get(path)
        if octets is None:
            with open(path, "rb") as file:
                pages = mmap.mmap(
                    file.fileno(), 0, flags=mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0), prot=mmap.PROT_READ
                )
            octets = self._mapped[path] = numpy.frombuffer(pages, dtype=numpy.uint8)
            if len(self._mapped) > _MAPPED_AT_MOST:
                self._mapped.popitem(last=False)
        else:
            self._mapped.move_to_end(path)
        return octets


class RecordingFile:
    """One WAV under its unfinished name until `finish`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._octets = 0
        self._file: BinaryIO = open(path + ".part", "wb")  # noqa: SIM115 it stays open for the whole recording
        self._file.write(wav_header(0))

    def write(self, samples: bytes) -> None:
        self._file.write(samples)
        self._octets += len(samples)

    def finish(self) -> None:
        """Whole and on the disk before it has its name."""
        with self._file as file:
            file.seek(0)
            file.write(wav_header(self._octets // 2))
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._path + ".part", self._path)

    def discard(self) -> None:
        self._file.close()
        Path(self._path + ".part").unlink(missing_ok=True)


class RecordingFiles:
    """Recordings by path. A fault (disk full, no such folder) is kept until the end and told then."""

    def __init__(self) -> None:
        self._open: dict[str, RecordingFile] = {}
        self._faults: dict[str, str] = {}

    def write(self, path: str, samples: bytes) -> None:
        if path in self._faults:
            return
        try:
            if path not in self._open:
                self._open[path] = RecordingFile(path)
            self._open[path].write(samples)
        except OSError as error:
            self._fail(path, error)

    def finish(self, path: str) -> str | None:
        """None when the file has its name, else what went wrong."""
        file = self._open.pop(path, None)
        if file is not None:
            try:
                file.finish()
            except OSError as error:
                self._faults[path] = f"recording not kept: {error}"
        return self._faults.pop(path, None)

    def _fail(self, path: str, error: OSError) -> None:
        self._faults[path] = f"recording not kept: {error}"
        file = self._open.pop(path, None)
        if file is not None:
            try:
                file.discard()
            except OSError as second:
                self._faults[path] += f"; {second}"


class RecordingThread:
    """`RecordingFiles` behind a queue. `finished` holds path and fault; `wake` is called from the thread after each."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.finished: deque[tuple[str, str | None]] = deque()
        self._wake = wake
        self._queue: SimpleQueue[tuple[str, bytes | None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
        self._thread.start()

    def write(self, path: str, samples: bytes) -> None:
        self._queue.put((path, samples))

    def finish(self, path: str) -> None:
        self._queue.put((path, None))

    def stop(self) -> None:
        """Returns when all that was asked for is written."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        files = RecordingFiles()
        while (task := self._queue.get()) is not None:
            path, samples = task
            if samples is not None:
                files.write(path, samples)
                continue
            self.finished.append((path, files.finish(path)))
            self._wake()
