"""The directory of rendered sounds: four encodings and a description each, written whole or not at all. Does file I/O.

A name is the hash of what went in (words, voice, shape), so that the same message is one file on every start. A sound
counts as present when its description is: that is renamed into place last. Nothing is synced to the disk: that made each
message wait 9 ms (measured), and longer where the database writes. The description holds checksums instead, which each
process looks at once: what a power failure cut is rendered again.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foundation.sound import BYTES_A_MILLISECOND, Sound
from prompts.codecs import NARROW, decode, wav
from prompts.pieces import Piece

_IN_USE_SECONDS = 48 * 3600
_MOST_KNOWN = 50_000
_SUFFIXES = (".pcma", ".pcmu", ".g722", ".wav", ".json")


@dataclass(frozen=True, slots=True)
class SoundFiles:
    """`maximum_bytes` is what the directory may hold, beyond what was used within the last 48 hours."""

    directory: Path
    maximum_bytes: int
    _known: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """Whose checksums were right, or were made, in this process."""

    def find(self, name: str) -> Sound | None:
        """A sound rendered earlier; it is marked as used now."""
        stem = self.directory / name
        try:
            description = json.loads(stem.with_name(f"{name}.json").read_bytes())
            milliseconds = int(description["milliseconds"])
            for suffix in (".pcma", ".pcmu", ".g722"):
                if stem.with_name(name + suffix).stat().st_size != milliseconds * BYTES_A_MILLISECOND:
                    return None
            if name not in self._known and not self._unharmed(stem, description["checksums"]):
                return None
            for suffix in _SUFFIXES:
                os.utime(stem.with_name(name + suffix))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        self._know(name)
        return Sound(stem, milliseconds)

    def describe(self, sound: Sound) -> dict[str, Any]:
        """What was written beside it: `words`, `engine`, `milliseconds`."""
        description: dict[str, Any] = json.loads(sound.stem.with_name(f"{sound.stem.name}.json").read_bytes())
        return description

    def write(self, name: str, sound: Piece, description: dict[str, Any]) -> Sound:
        """Save; the WAV holds what a telephone hears, through A-law."""
        self.directory.mkdir(parents=True, exist_ok=True)
        contents = {
            **{f".{codec.lower()}": data for codec, data in sound.encoded.items()},
            ".wav": wav(decode(sound.encoded["PCMA"], "PCMA"), NARROW),
        }
        checksums = {suffix: zlib.crc32(data) for suffix, data in contents.items()}
        whole = {**description, "milliseconds": sound.milliseconds, "checksums": checksums}
        for suffix, data in contents.items():
            self._put(self.directory / (name + suffix), data)
        self._put(self.directory / f"{name}.json", json.dumps(whole, ensure_ascii=False).encode())
        self._know(name)
        return Sound(self.directory / name, sound.milliseconds)

    def tidy(self) -> int:
        """Remove the longest unused sounds while the directory holds too much, and what a crash left half written.
        Returns how many sounds went."""
        if not self.directory.is_dir():
            return 0
        now = time.time()
        sounds: dict[str, tuple[float, int]] = {}
        for path in self.directory.iterdir():
            status = path.stat()
            if path.suffix == ".part":
                if now - status.st_mtime > 60:
                    path.unlink(missing_ok=True)
            elif path.suffix in _SUFFIXES:
                used, size = sounds.get(path.stem, (0.0, 0))
                sounds[path.stem] = (max(used, status.st_mtime), size + status.st_size)
        held = sum(size for _, size in sounds.values())
        removed = 0
        for name, (used, size) in sorted(sounds.items(), key=lambda item: item[1][0]):
            if held <= self.maximum_bytes or now - used < _IN_USE_SECONDS:
                break
            for suffix in reversed(_SUFFIXES):
                (self.directory / (name + suffix)).unlink(missing_ok=True)
            held -= size
            removed += 1
        return removed

    def _unharmed(self, stem: Path, checksums: dict[str, int]) -> bool:
        files = {suffix: stem.with_name(stem.name + suffix) for suffix in _SUFFIXES if suffix != ".json"}
        return checksums == {suffix: zlib.crc32(file.read_bytes()) for suffix, file in files.items()}

    def _know(self, name: str) -> None:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known.add(name)

    def _put(self, path: Path, data: bytes) -> None:
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(path)
