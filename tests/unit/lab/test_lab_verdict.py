"""The demo's verdict: nothing is said where all is as scripted, and each deviation is one sentence."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lab.events import CallReport
from lab.smsc import Submitted
from lab.texts import Part
from lab.town import Does, Person, TextFate, Town
from lab.verdict import Evidence, differences

ANNA = Person("Anna", "+31612340001", (52.0, 5.0), "1234AB", Does.LISTENS, calls_back="+318000011", voice="heard")
BOB = Person("Bob", "+31612340002", (52.0, 5.0), "1234AB", Does.BUSY, voice="busy")
CAS = Person("Cas", "+31612340003", (52.0, 5.0), "1234AB", text=TextFate.DELIVERED, reply="Gezien", sms="delivered")
DIA = Person("Dia", "+31612340004", (52.0, 5.0), "1234AB", text=TextFate.DELIVERED, reply="STOP", sms="delivered")
EVE = Person("Eve", "+31612340005", (53.0, 6.0), "9999ZZ", Does.LISTENS, text=TextFate.DELIVERED)
CLOSED_AT = 100.0
MESSAGE = np.random.default_rng(7).normal(0, 2500, 4 * 8000).astype(np.int16)
HALF = MESSAGE[: len(MESSAGE) // 2]


def call(person: Person, moment: float, **more: Any) -> CallReport:
    report = CallReport(moment, person.phone, "+31343529850", False, True, None, "them", 10_000, 0, 2500.0, MESSAGE)
    return replace(report, **more)


def text(person: Person, moment: float, words: str) -> Submitted:
    return Submitted(moment, "Burgernet", person.phone.lstrip("+"), Part(words), "1", 0, None)


def delivery(person: Person, channel: str, message: str, outcome: str) -> dict[str, Any]:
    return {"phone": person.phone, "channel": channel, "message": message, "outcome": outcome}


EVERYTHING = Evidence(
    town=Town("T", "T", 52.0, 5.0, 100.0, 0.1, (ANNA, BOB, CAS, DIA, EVE)),
    owner="desk-7",
    deliveries=[
        delivery(ANNA, "voice", "alert", "heard"),
        delivery(ANNA, "voice", "closing", "heard"),
        delivery(BOB, "voice", "alert", "busy"),
        delivery(CAS, "sms", "alert", "delivered"),
        delivery(CAS, "sms", "closing", "delivered"),
        delivery(DIA, "sms", "alert", "delivered"),
    ],
    replies=[{"phone": CAS.phone, "text": "Gezien"}],
    calls=[
        call(ANNA, 10.0),
        call(BOB, 10.0, answered=False, code=486, ended_by="us", sound_ms=0),
        call(ANNA, 50.0, number="+318000011", caller=ANNA.phone, outgoing=True, tone_ms=3000),
        call(ANNA, 110.0, sound_ms=4000),
    ],
    desks={"desk-7": [call(ANNA, 52.0, number="desk-7", tone_ms=3000)], "desk-8": []},
    texts=[text(CAS, 10.0, "Let op"), text(DIA, 10.0, "Let op"), text(CAS, 110.0, "Einde: gevonden.")],
    closed_at=CLOSED_AT,
    alert=MESSAGE,
    closing_words="gevonden",
)


def test_all_as_scripted_says_nothing() -> None:
    assert differences(EVERYTHING) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"deliveries": EVERYTHING.deliveries[1:]}, "Anna: voice is not there, scripted was heard"),
        ({"deliveries": [*EVERYTHING.deliveries, delivery(EVE, "sms", "alert", "sent")]}, "Eve: sms is sent"),
        ({"replies": []}, "Cas: the answer 'Gezien' is not among the replies"),
        ({"calls": [call(ANNA, 10.0, heard=HALF), *EVERYTHING.calls[1:]]}, "Anna: 50% of the message was in what"),
        ({"calls": [call(ANNA, 10.0, heard=MESSAGE[::-1]), *EVERYTHING.calls[1:]]}, "Anna: 0% of the message"),
        ({"calls": [call(ANNA, 10.0, level=300.0), *EVERYTHING.calls[1:]]}, "Anna: the speech had a level of 300"),
        ({"calls": [*EVERYTHING.calls, call(ANNA, 30.0)]}, "Anna: picked up 2 alert calls"),
        ({"calls": [*EVERYTHING.calls, call(EVE, 30.0)]}, "Eve: was called 1 times"),
        ({"calls": EVERYTHING.calls[:3]}, "Anna: was reached, and heard 0 ms of the closing"),
        ({"calls": [*EVERYTHING.calls, call(BOB, 120.0)]}, "Bob: was not reached, and was called after the end"),
        ({"calls": [*EVERYTHING.calls[:2], EVERYTHING.calls[3]]}, "Anna: called back and heard 0 ms of the operator"),
        ({"desks": {"desk-7": [], "desk-8": []}}, "desk-7: heard 0 callers, scripted were 1"),
        ({"desks": {**EVERYTHING.desks, "desk-8": [call(ANNA, 52.0)]}}, "desk-8: answered a caller"),
        ({"texts": EVERYTHING.texts[:2]}, "Cas: was reached by text, and got no closing text"),
        ({"texts": [*EVERYTHING.texts, text(DIA, 110.0, "Einde: gevonden.")]}, "Dia: got the closing text"),
        ({"texts": [*EVERYTHING.texts, text(EVE, 10.0, "Let op")]}, "Eve: got a text"),
    ],
)
def test_each_deviation_is_said(change: dict[str, Any], words: str) -> None:
    assert any(words in said for said in differences(replace(EVERYTHING, **change))), differences(
        replace(EVERYTHING, **change)
    )
