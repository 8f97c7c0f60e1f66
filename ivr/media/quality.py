"""How a call sounded: the E-model of ITU-T G.107 with its defaults, from loss and delay. No I/O."""

from __future__ import annotations

_BASIC_RATING = 93.2
_LOSS_ROBUSTNESS = 10.0
"""Bpl of G.711 between its values without (4.3) and with good concealment (25.1), ITU-T G.113 appendix I: what phones do
is not known."""
_OWN_DELAY_MILLISECONDS = 40.0  # a packet and a jitter buffer's least


def mean_opinion_score(loss: float, jitter_milliseconds: float, round_trip_milliseconds: float | None) -> float:
    """1.0 to 4.5. `loss` is a share of the packets, 0 to 1; a jitter buffer of twice the jitter is assumed."""
    one_way = (round_trip_milliseconds or 0.0) / 2 + 2 * jitter_milliseconds + _OWN_DELAY_MILLISECONDS
    delay_impairment = 0.024 * one_way + (0.11 * (one_way - 177.3) if one_way > 177.3 else 0.0)
    percent = 100 * min(max(loss, 0.0), 1.0)
    rating = _BASIC_RATING - delay_impairment - 95 * percent / (percent + _LOSS_ROBUSTNESS)
    if rating <= 0:
        return 1.0
    return round(1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating), 2)
