"""What the fuzz tests share: how many cases, how bytes are spoilt, what is kept of a case that fails, and the count.

The usual run takes seconds; with `HYPOTHESIS_PROFILE=long` (`make fuzz`) it is a million cases of each kind of byte.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
CASES = 1_000_000 if LONG else 20_000
SHAPED_TIMES = 20 if LONG else 1
"""How many times the usual number of examples a test has whose cases hypothesis draws: they cost a hundred times more."""
FOUND = Path(__file__).parents[1] / "vectors" / "found"

counts: Counter[str] = Counter()
"""Cases by what they were given to, for the summary of the run."""


def mutated(octets: bytes, chance: random.Random, pieces: Sequence[bytes] = (b"",)) -> bytes:
    """One to four places changed: a byte, a run cut, doubled, filled in by chance or by one of the pieces, or the rest
    lost. One case in sixteen stays whole, so that what comes after it meets a state that was reached rightly."""
    if chance.random() < 0.0625:
        return octets
    changed = bytearray(octets)
    for _ in range(1 + int(chance.random() * 4)):
        place = int(chance.random() * (len(changed) + 1))
        to = place + 1 + int(chance.random() * 12)
        match int(chance.random() * 7):
            case 0:
                changed[place : place + 1] = bytes((int(chance.random() * 256),))
            case 1:
                del changed[place:to]
            case 2:
                changed[place:to] = changed[place:to] * 2
            case 3:
                changed[place:place] = chance.randbytes(to - place)
            case 4:
                changed[place:place] = chance.choice(pieces)
            case 5:
                changed[place:to] = chance.choice(pieces)
            case _:
                if chance.random() < 0.3:
                    del changed[place:]
    return bytes(changed)


def spoilt(seeds: Sequence[bytes], chance: random.Random, pieces: Sequence[bytes] = (b"",)) -> Iterator[bytes]:
    """As many mutations of the seeds as a run has cases."""
    for number in range(CASES):
        yield mutated(seeds[number % len(seeds)], chance, pieces)


def survives(kind: str, cases: Iterator[bytes], survive: Callable[[bytes], None]) -> None:
    """Give each case to `survive`. One that raises is kept as a vector, which `test_found_cases_stay_mended` reads from
    then on."""
    for data in cases:
        counts[kind] += 1
        try:
            survive(data)
        except BaseException as error:
            kept = FOUND / kind / f"{hashlib.sha256(data).hexdigest()[:12]}.bin"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(data)
            error.add_note(f"the case is kept as {kept.relative_to(FOUND.parents[2])}: {data!r}")
            raise
