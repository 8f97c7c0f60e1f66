"""Unguessable bits from the system, fetched in advance. The only I/O is `os.urandom`.

A call draws ten times or so; each draw of `random.SystemRandom` is a system call that gives the interpreter's lock away.
"""

from __future__ import annotations

import os
import random

_FETCHED_BYTES = 4096


class Dice(random.SystemRandom):
    """`random.SystemRandom` with a store. Nothing of it is used twice. For one thread."""

    _store = b""
    _used = 0

    def getrandbits(self, k: int, /) -> int:
        """`k` random bits as a whole number; ValueError where `k` is below 0."""
        if k < 0:
            raise ValueError("the number of bits must not be negative")
        return int.from_bytes(self.randbytes((k + 7) // 8), "big") >> (-k % 8)

    def randbytes(self, n: int) -> bytes:
        begin, end = self._used, self._used + n
        if end > len(self._store):
            self._store = os.urandom(max(_FETCHED_BYTES, n))
            begin, end = 0, n
        self._used = end
        return self._store[begin:end]
