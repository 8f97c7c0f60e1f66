"""Voices, beeps and keys by ear."""

import numpy
import pytest

from ivr.media.analysis import KEYS, features
from ivr.media.codecs import Encoder, Samples
from ivr.media.messages import Beep, CloseLeg, Connect, Digit, Listen, Play, PlayEnded, SendDigit, Talking
from ivr.media.orders import ListenToAll, ListenToDigits
from ivr.media.tones import key, rendered
from tests.loopback.media_phone import level_at, tone
from tests.unit.media.media_line import Line, remote


def voice(milliseconds: int, level: float = -20.0, pitch: float = 120.0, seed: int = 1) -> Samples:
    """A buzz with formants and a moving pitch, in syllables: nothing that a detector of tones may take for one."""
    draw = numpy.random.default_rng(seed)
    moments = numpy.arange(8 * milliseconds) / 8000
    phase = 2 * numpy.pi * pitch * (moments + 0.02 * numpy.sin(2 * numpy.pi * 3 * moments))
    wave = sum(numpy.sin(number * phase) / (1 + abs(number * pitch - 500) / 300) for number in range(1, 25))
    wave = wave * (0.55 + 0.45 * numpy.sin(2 * numpy.pi * 4 * moments)) + draw.normal(0, 0.05, len(moments))
    peak = 32768 * 10 ** ((level - 3.14) / 20) / numpy.sqrt(2)
    return (wave * peak / numpy.sqrt((wave**2).mean())).clip(-32000, 32000).astype(numpy.int16)


def still(milliseconds: int, level: float = -65.0) -> Samples:
    noise = numpy.random.default_rng(7).normal(0, 32768 * 10 ** (level / 20), 8 * milliseconds)
    return noise.astype(numpy.int16)


def keys(digits: str, milliseconds: int = 80, codec: str = "PCMA") -> bytes:
    return b"".join(key(digit, milliseconds, codec).tobytes() for digit in digits)


def say(line: Line, leg: int, encoded: bytes, payload_type: int = 8, packet_milliseconds: int = 20) -> None:
    step = 8 * packet_milliseconds
    sequence, timestamp = getattr(line, "spoken", (1, 0))
    for start in range(0, len(encoded), step):
        line.speak(leg, encoded[start : start + step], sequence, timestamp, payload_type=payload_type)
        sequence, timestamp = sequence + 1, timestamp + step
        line.run(packet_milliseconds / 1000)
    line.spoken = (sequence, timestamp)  # type: ignore[attr-defined]  # the phone's place in its stream


def alaw(*parts: Samples) -> bytes:
    return Encoder("PCMA").encode(numpy.concatenate(parts))


# ---- frames


def test_a_frame_has_its_level_and_its_pitch():
    found = features(alaw(tone(1000, 20), still(20), voice(20)))
    assert abs(found.level[0] + 10.3) < 0.5
    assert abs(found.hertz[0] - 1000) < 5
    assert found.impurity[0] < 0.01
    assert found.impurity[1] > 0.5
    assert found.impurity[2] > 0.05


@pytest.mark.parametrize("digit", KEYS)
def test_each_key_is_known(digit):
    found = features(keys(digit, 100)[:800])
    assert [KEYS[number] for number in found.key] == [digit] * 5


def test_voices_tones_and_noise_are_no_keys():
    for seed in range(20):
        found = features(
            alaw(voice(1000, pitch=90 + 10 * seed, seed=seed), tone(697 + 50 * seed, 200), still(200, -30))
        )
        assert (found.key < 0).all()


def test_thousands_of_frames_at_once_are_as_each_alone():
    sound = alaw(voice(2000), tone(1400, 500)) + keys("15#")[: 20 * 160]
    whole = features(sound)
    for number in range(0, len(sound) // 160, 7):
        one = features(sound[160 * number : 160 * number + 160])
        assert one.key[0] == whole.key[number]
        assert abs(one.level[0] - whole.level[number]) < 0.01


# ---- keys in the sound


@pytest.mark.parametrize("codec", ["PCMA", "PCMU", "G722"])
@pytest.mark.parametrize("packet_milliseconds", [20, 30, 10])
def test_keys_as_tones_are_digits_where_no_events_were_agreed(codec, packet_milliseconds):
    line = Line()
    agreed = remote(codec, telephone_event=None, packet_milliseconds=packet_milliseconds)
    leg = line.open(0, agreed)
    say(line, leg, keys("0123456789*#", 80, codec), agreed.payload_type, packet_milliseconds)
    line.run(0.3)
    assert "".join(event.digit for event in line.of(Digit)) == "0123456789*#"  # type: ignore[attr-defined]  # all digits
    assert all(50 <= event.milliseconds <= 120 for event in line.of(Digit))  # type: ignore[attr-defined]  # all digits


def test_the_same_key_twice_is_two_digits_and_a_lost_packet_no_second_one():
    line = Line()
    leg = line.open(0, remote(telephone_event=None))
    say(line, leg, keys("55", 100))
    long = keys("7", 200)
    say(line, leg, long[:480])
    line.spoken = (line.spoken[0] + 1, line.spoken[1] + 160)  # type: ignore[attr-defined]  # one packet never comes
    line.run(0.02)
    say(line, leg, long[640:])
    line.run(0.2)
    assert [event.digit for event in line.of(Digit)] == ["5", "5", "7"]  # type: ignore[attr-defined]  # all digits


def test_a_key_as_tone_stops_the_sound_that_it_may_stop():
    line = Line({"menu.pcma": b"\x11" * 40000})
    leg = line.open(0, remote(telephone_event=None))
    line.tell(Play(leg, 1, line.next_play(), "menu", 5000, stop_on_digits="1"))
    say(line, leg, keys("1", 100))
    line.run(0.1)
    (ended,) = line.of(PlayEnded)
    assert (ended.digit, ended.complete) == ("1", False)  # type: ignore[attr-defined]  # a PlayEnded


def test_keys_as_tones_count_for_nothing_where_events_were_agreed():
    line = Line()
    leg = line.open(0, remote())
    say(line, leg, keys("123"))
    line.run(0.3)
    assert line.of(Digit) == []


def test_a_voice_is_no_digit():
    line = Line()
    leg = line.open(0, remote(telephone_event=None))
    for seed in range(5):
        say(line, leg, alaw(voice(4000, -12, 100 + 25 * seed, seed)))
    assert line.of(Digit) == []


# ---- keys sent as tones


def test_a_digit_to_a_phone_without_events_is_two_tones_and_the_sound_goes_on():
    line = Line({"menu.pcma": Encoder("PCMA").encode(tone(400, 2000))})
    leg = line.open(0, remote(telephone_event=None))
    line.tell(Play(leg, 1, line.next_play(), "menu", 2000))
    line.run(0.4)
    line.sent[leg].clear()
    for digit in "14":
        line.tell(SendDigit(leg, 1, digit, 100))
    line.run(0.5)
    sound = b"".join(data[12:] for _, data in line.sent[leg])
    found = features(sound[: len(sound) // 160 * 160])
    heard = "".join(KEYS[number] if number >= 0 else " " for number in found.key)
    assert heard.split() == ["1" * len(heard.split()[0]), "4" * len(heard.split()[1])]
    line.run(3)
    (ended,) = line.of(PlayEnded)
    assert (ended.milliseconds, ended.complete) == (2000, True)  # type: ignore[attr-defined]  # a PlayEnded
    assert {header.payload_type for header in line.headers(leg)} == {8}


# ---- voices and beeps


def listened(**wanted: bool) -> tuple[Line, int]:
    line = Line()
    leg = line.open(0, remote())
    line.speak(leg, b"\xd5" * 160, 0, 0)
    line.tell(Listen(leg, 1, **({"talking": False, "beep": False} | wanted)))
    return line, leg


def test_a_voice_begins_and_ends():
    line, leg = listened(talking=True)
    say(line, leg, alaw(still(400), voice(1500), still(1500)))
    began, ended = line.of(Talking)
    assert (began.began, began.milliseconds) == (True, 200)  # type: ignore[attr-defined]  # Talking
    assert not ended.began  # type: ignore[attr-defined]  # Talking
    assert 1300 <= ended.milliseconds <= 1700  # type: ignore[attr-defined]  # Talking


def test_a_voice_ends_although_the_phone_sends_nothing_more():
    line, leg = listened(talking=True)
    say(line, leg, alaw(still(200), voice(1000)))
    line.run(1.2)
    assert [event.began for event in line.of(Talking)] == [True, False]  # type: ignore[attr-defined]  # Talking


@pytest.mark.parametrize(
    "sound",
    [still(4000, -45), voice(120), rendered("ringback", "PCMA"), voice(3000, level=-55)],
    ids=["a noisy line", "a cough", "ringback", "somebody far away"],
)
def test_what_is_no_voice(sound):
    line, leg = listened(talking=True, beep=True)
    say(line, leg, alaw(still(400)) + (sound.tobytes() if sound.dtype == numpy.uint8 else alaw(sound)))
    assert line.of(Talking) == []
    assert line.of(Beep) == []


@pytest.mark.parametrize(("hertz", "milliseconds"), [(1000, 400), (440, 200), (1400, 900), (2100, 300)])
def test_a_machine_talks_then_beeps(hertz, milliseconds):
    line, leg = listened(talking=True, beep=True)
    say(line, leg, alaw(voice(2500), still(300), tone(hertz, milliseconds), still(300)))
    (beep,) = line.of(Beep)
    assert abs(beep.hertz - hertz) < 0.02 * hertz  # type: ignore[attr-defined]  # a Beep
    assert abs(beep.milliseconds - milliseconds) <= 40  # type: ignore[attr-defined]  # a Beep


def test_keys_are_no_voice():
    line, leg = listened(talking=True)
    say(line, leg, alaw(still(400)) + b"".join(keys(digit, 300) for digit in "1234567890"))
    assert line.of(Talking) == []


def test_voices_keys_and_long_tones_are_no_beep():
    line, leg = listened(beep=True)
    for seed in range(6):
        say(line, leg, alaw(voice(3000, -15, 90 + 30 * seed, seed)))
    say(line, leg, keys("1234567890", 200))
    say(line, leg, alaw(tone(1000, 4000), still(200)))
    assert line.of(Beep) == []


def test_nothing_is_told_or_listened_to_that_nobody_asked_for():
    line, leg = listened()
    say(line, leg, alaw(voice(1000), tone(1000, 400), still(1000)))
    assert line.of(Talking) + line.of(Beep) == []
    line.orders.clear()
    line.tell(Listen(leg, 1, talking=True, beep=False))
    assert line.ordered(ListenToAll) == [ListenToAll(leg)]
    line.tell(Listen(leg, 1, talking=False, beep=False))
    assert line.ordered(ListenToDigits) == [ListenToDigits(leg, 101)]
    say(line, leg, alaw(voice(1000)))
    assert line.of(Talking) == []


def test_listening_goes_on_in_another_codec():
    line, leg = listened(beep=True)
    line.tell(Connect(leg, 1, remote("G722")))
    say(line, leg, Encoder("G722").encode(numpy.concatenate([still(200), tone(1000, 300), still(200)])), 9)
    assert len(line.of(Beep)) == 1


def test_many_lines_come_and_go_and_each_hears_its_own():
    line = Line()
    for number in range(150):
        leg = line.open(number, remote())
        line.tell(Listen(leg, 1, talking=False, beep=True))
    for number in range(0, 150, 3):
        line.tell(CloseLeg(number, 1))
    beep = alaw(tone(1000, 300), still(100))
    for step in range(0, len(beep), 160):
        for number in range(1, 150, 3):
            line.speak(number, beep[step : step + 160], step // 160, step)
        line.run(0.02)
    line.run(0.2)
    assert sorted(event.leg for event in line.of(Beep)) == list(range(1, 150, 3))  # type: ignore[attr-defined]  # all Beep


def test_sent_tones_measure_as_the_keys_they_are():
    for digit in KEYS:
        sound = numpy.frombuffer(key(digit, 100, "PCMA"), dtype=numpy.uint8)[:800]
        assert KEYS[int(features(sound.tobytes()).key[1])] == digit
    samples = numpy.asarray(Encoder("PCMA").encode(tone(941, 100)))
    assert samples.size
    assert level_at(tone(941, 100), 941) > 0.9
