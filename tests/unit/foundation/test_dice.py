"""Bits fetched in advance are as many as asked for, and never the same ones twice."""

import pytest

from foundation.dice import Dice


def test_as_many_bits_as_asked_for() -> None:
    dice = Dice()
    for bits in (0, 1, 7, 8, 31, 80, 128, 256, 100_000):
        drawn = {dice.getrandbits(bits) for _ in range(20)}
        assert all(0 <= each < 2**bits for each in drawn)
    assert {dice.getrandbits(3) for _ in range(500)} == set(range(8))


def test_nothing_is_drawn_twice() -> None:
    dice = Dice()
    drawn = [dice.randbytes(10) for _ in range(5_000)]
    assert len(set(drawn)) == len(drawn)
    assert all(len(each) == 10 for each in drawn)


def test_bits_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Dice().getrandbits(-1)


def test_fractions_lie_below_one() -> None:
    dice = Dice()
    assert all(0.0 <= dice.random() < 1.0 for _ in range(1_000))
