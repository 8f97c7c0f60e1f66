"""What a trunk test says of what it found: each fault in the word that an engineer looks for."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from ivr.media.codecs import Decoder
from ivr.media.tones import rendered
from ivr.probe_facts import Account, Agreement, Reply, Sounded, Verdict
from ivr.probe_sound import measure
from ivr.probe_words import agreement, encryption, reply, sounded

ACCOUNT = Account("account", True, "+31343529850", "e164", ("PCMA", "G722"))
NOBODY = replace(ACCOUNT, username=None, has_password=False)
INVITE = Reply("INVITE", "192.0.2.1:5060", 200, "OK", 0.25)
WELL = Sounded(sent=500, received=500, lost=0, jitter=1.0, level=-18.0, tone_back=True, reported_lost=0,
               digits_sent="1590", digits_heard="1590")  # fmt: skip


@pytest.mark.parametrize(
    ("found", "account", "verdict", "words"),
    [
        (INVITE, ACCOUNT, Verdict.GOOD, "200 OK after 250 ms"),
        (replace(INVITE, status=None, unreachable=True), ACCOUNT, Verdict.FAULT, "refused: 192.0.2.1:5060"),
        (replace(INVITE, status=None, seconds=6.0), ACCOUNT, Verdict.FAULT, "no answer: "),
        (replace(INVITE, status=None, link="x refused the connection"), ACCOUNT, Verdict.FAULT, "refused: "),
        (replace(INVITE, status=None, link="the certificate of x is out of date"), ACCOUNT, Verdict.FAULT, "TLS: "),
        (replace(INVITE, status=None, link="the connection to x ended"), ACCOUNT, Verdict.FAULT, "connection: "),
        (replace(INVITE, status=401, challenges=2), ACCOUNT, Verdict.FAULT, "again after the digest: username account"),
        (replace(INVITE, status=407, challenges=1), NOBODY, Verdict.FAULT, "the configuration has none"),
        (replace(INVITE, status=403, challenges=1), ACCOUNT, Verdict.FAULT, "credentials: 403"),
        (replace(INVITE, status=403), ACCOUNT, Verdict.FAULT, "caller_id +31343529850"),
        (replace(INVITE, status=488), ACCOUNT, Verdict.FAULT, "it takes none of PCMA, G722"),
        (replace(INVITE, status=606), ACCOUNT, Verdict.FAULT, "codec: "),
        (replace(INVITE, status=484), ACCOUNT, Verdict.FAULT, "dial_format = e164"),
        (replace(INVITE, method="REGISTER", status=404), ACCOUNT, Verdict.FAULT, "account: "),
        (replace(INVITE, status=480), ACCOUNT, Verdict.FAULT, "the trunk works"),
        (replace(INVITE, status=503), ACCOUNT, Verdict.FAULT, "the provider's own fault"),
        (replace(INVITE, status=420), ACCOUNT, Verdict.FAULT, "refused: 420"),
        (replace(INVITE, method="OPTIONS", status=405), ACCOUNT, Verdict.NOTE, "it is there"),
        (replace(INVITE, method="OPTIONS", status=403), ACCOUNT, Verdict.FAULT, "not allowed"),
        (replace(INVITE, status=500, warning="399 see the log"), ACCOUNT, Verdict.FAULT, "adds: 399 see the log"),
    ],
)
def test_replies(found: Reply, account: Account, verdict: Verdict, words: str) -> None:
    said = reply(found, account)
    assert said.verdict is verdict
    assert words in said.words


AGREED = Agreement(codec="PCMA", telephone_event=101, host="192.0.2.1:4000")


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (AGREED, Verdict.GOOD, "accepted PCMA at 20 ms, keys as telephone-event 101"),
        (replace(AGREED, telephone_event=None), Verdict.GOOD, "keys as tones"),
        (replace(AGREED, private_host=True), Verdict.NOTE, "behind NAT"),
        (replace(AGREED, direction="sendonly"), Verdict.FAULT, "one way"),
        (Agreement(fault="no codec in common"), Verdict.FAULT, "no codec in common (offered: PCMA, G722)"),
    ],
)
def test_agreements(found: Agreement, verdict: Verdict, words: str) -> None:
    said = agreement(found, ACCOUNT)
    assert said.verdict is verdict
    assert words in said.words


@pytest.mark.parametrize(
    ("found", "step", "verdict", "words"),
    [
        (WELL, "hearing", Verdict.GOOD, "500 packets came"),
        (WELL, "speaking", Verdict.GOOD, "came back"),
        (WELL, "keys", Verdict.GOOD, "keys pass both ways"),
        (replace(WELL, received=0, reported_lost=None, digits_heard=""), "hearing", Verdict.FAULT, "no audio"),
        (replace(WELL, received=0, reported_lost=499), "hearing", Verdict.FAULT, "no audio: nothing came, and their"),
        (replace(WELL, received=0, reported_lost=3), "hearing", Verdict.FAULT, "one-way audio: its reports"),
        (replace(WELL, received=0, reported_lost=None), "hearing", Verdict.FAULT, "one-way audio: keys came"),
        (replace(WELL, lost=100), "hearing", Verdict.FAULT, "loss: "),
        (replace(WELL, level=None), "hearing", Verdict.NOTE, "they hold silence"),
        (replace(WELL, tone_back=False, reported_lost=None), "speaking", Verdict.NOTE, "ask whoever answered"),
        (replace(WELL, tone_back=False, reported_lost=499), "speaking", Verdict.FAULT, "one-way audio"),
        (replace(WELL, tone_back=False, reported_lost=60), "speaking", Verdict.FAULT, "60 of 500"),
        (replace(WELL, tone_back=False), "speaking", Verdict.GOOD, "our sound arrives"),
        (replace(WELL, digits_heard="7"), "keys", Verdict.GOOD, "heard 7; sent 1590"),
        (replace(WELL, digits_heard=""), "keys", Verdict.NOTE, "none came"),
        (replace(WELL, dropped=True), "call", Verdict.NOTE, "hung up"),
    ],
)
def test_sound(found: Sounded, step: str, verdict: Verdict, words: str) -> None:
    said = {finding.step: finding for finding in sounded(found)}
    assert said[step].verdict is verdict
    assert words in said[step].words


def test_it_says_whether_sound_was_encrypted() -> None:
    assert encryption(AGREED, ACCOUNT) == [], "nothing to say where srtp is off"
    wanted = replace(ACCOUNT, srtp="optional")
    (clear,) = encryption(AGREED, wanted)
    assert (clear.verdict, clear.words.split(":")[0]) == (Verdict.NOTE, "not encrypted")
    (safe,) = encryption(replace(AGREED, suite="AES_CM_128_HMAC_SHA1_80"), wanted)
    assert safe.verdict is Verdict.GOOD
    assert "AES_CM_128_HMAC_SHA1_80" in safe.words
    assert "with srtp = optional" in reply(replace(INVITE, status=488), wanted).words


def _wav(path: Path, samples: numpy.ndarray) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(samples.astype("<i2").tobytes())
    return path


def test_our_own_tone_is_known_again(tmp_path: Path) -> None:
    tone = Decoder("PCMA").decode(bytes(rendered("test", "PCMA")))[:16000].astype(float)
    level, back = measure(_wav(tmp_path / "a.wav", numpy.concatenate([numpy.zeros(8000), tone / 4])))
    assert level == pytest.approx(-22, abs=1)
    assert back


def test_another_sound_is_not_taken_for_it_and_silence_has_no_level(tmp_path: Path) -> None:
    moments = numpy.arange(16000) / 8000
    level, back = measure(_wav(tmp_path / "a.wav", 8000 * numpy.sin(2 * numpy.pi * 440 * moments)))
    assert level is not None
    assert not back
    assert measure(_wav(tmp_path / "b.wav", numpy.zeros(16000))) == (None, False)
    assert measure(_wav(tmp_path / "c.wav", numpy.zeros(10))) == (None, False)
    assert measure(tmp_path / "none.wav") == (None, False)
