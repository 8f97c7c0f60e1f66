"""How many words of real-style messages are spoken right: the normaliser against spoken forms written by hand.

`python benchmarks/prompts/clarity.py [FILE] [--show]`. A token is a word; punctuation and capitals do not count. Wrong are
tokens that are missing, added or changed (Levenshtein distance over words).
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from prompts.normalise import normalise

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    written: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Score:
    tokens: int
    wrong: int
    faults: tuple[tuple[Case, str], ...]

    @property
    def share(self) -> float:
        return 1 - self.wrong / self.tokens


def cases(path: Path) -> list[Case]:
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [Case(written, spoken.removeprefix("= ")) for written, spoken in zip(lines[::2], lines[1::2], strict=True)]


def tokens(words: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['\-][^\W_]+)*", words.lower().replace("één", "een"))


def distance(left: list[str], right: list[str]) -> int:
    row = list(range(len(right) + 1))
    for index, token in enumerate(left, start=1):
        diagonal, row[0] = row[0], index
        for column, other in enumerate(right, start=1):
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, diagonal + (token != other))
    return row[-1]


def score(path: Path) -> Score:
    total, wrong, faults = 0, 0, []
    for case in cases(path):
        expected = tokens(case.spoken)
        words = normalise(case.written).words
        missed = distance(expected, tokens(words))
        total += len(expected)
        wrong += missed
        if missed:
            faults.append((case, words))
    return Score(total, wrong, tuple(faults))


def main() -> None:
    named = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("--")]
    for path in named or [HERE / "messages.txt", HERE / "held_out.txt", HERE / "held_out_2.txt"]:
        result = score(path)
        print(f"{path.name}: {len(cases(path))} messages, {result.tokens} tokens, {result.share:.2%} right")
        if "--show" in sys.argv:
            for case, words in result.faults:
                print(f"  written {case.written}\n  wanted  {case.spoken}\n  spoken  {words}\n")


if __name__ == "__main__":
    main()
