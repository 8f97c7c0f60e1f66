"""Counting what a wire trace holds in any span of time."""

from __future__ import annotations


def busiest(moments: list[float], span: float) -> int:
    """The most of these moments that any window of `span` seconds holds, wherever it begins."""
    most = begin = 0
    for index, moment in enumerate(moments):
        while moment - moments[begin] >= span:
            begin += 1
        most = max(most, index - begin + 1)
    return most
