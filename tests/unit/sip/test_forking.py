"""Several phones of one desk: all ring, one gets the call, and the call's owner sees a single leg."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.call import LegId
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Answered, DialogChanged, Ended, Failed, InviteReceived, Peer, Progressed, Reoffered, SipEvent
from ivr.sip.message import Request, Response, parse
from ivr.sip.sources import Sources, source
from tests.unit.sip.pair import ANSWER, HERE, OURS, START, Pair, agent

PHONES = [Address(f"10.0.0.{number}", 5060) for number in (2, 3, 4)]


@dataclass
class Phone:
    agent: UserAgent
    address: Address
    leg: LegId | None = None


class Desk:
    """Our user agent, three phones, and a wire that loses nothing and takes no time."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        self.now = START
        sources = Sources([source("desk", [f"{phone.host}/32" for phone in PHONES])])
        self.here = UserAgent({"udp": OURS}, sources, lambda uri: True, random.Random(1))
        self.phones = [Phone(agent(address, "gateway", OURS.host), address) for address in PHONES]
        self.told: list[SipEvent] = []
        self.sent: list[tuple[Address, str, bytes]] = []
        request = replace(Pair().request(), peer=Peer("desk", PHONES[0]), extra_headers=headers)
        also = tuple((Peer("desk", phone), f"sip:desk@{phone}") for phone in PHONES[1:])
        self.request = replace(request, also=also)
        self.saved = UserAgent.calling_dialogs(HERE, self.request)
        self.here.invite(HERE, self.request, self.now)
        self.run(0.1)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            self._exchange()
            moments = [moment for one in self._agents() if (moment := one.next_deadline()) is not None]
            if not moments or min(moments) > end:
                break
            self.now = min(moments)
            for one in self._agents():
                one.handle_deadline(self.now)
        self.now = Monotonic(end)

    def _agents(self) -> list[UserAgent]:
        return [self.here, *(phone.agent for phone in self.phones)]

    def _exchange(self) -> None:
        moved = True
        while moved:
            moved = False
            for datagram in self.here.outgoing():
                moved = True
                self.sent.append((datagram.destination, datagram.data.split(b" ")[0].decode(), datagram.data))
                for phone in self.phones:
                    if phone.address == datagram.destination:
                        phone.agent.receive(datagram.data, OURS, self.now)
            for phone in self.phones:
                for datagram in phone.agent.outgoing():
                    moved = True
                    self.here.receive(datagram.data, phone.address, self.now)
                for event in phone.agent.events():
                    if isinstance(event, InviteReceived):
                        phone.leg = event.leg
            self.told += self.here.events()

    def each(self, act: Callable[[Phone, LegId], None], *numbers: int) -> None:
        for number in numbers:
            phone = self.phones[number]
            assert phone.leg is not None
            act(phone, phone.leg)

    def to(self, number: int, method: str) -> list[Request]:
        found = [parse(data) for address, what, data in self.sent if address == PHONES[number] and what == method]
        return [message for message in found if isinstance(message, Request)]

    def ring(self, *numbers: int) -> None:
        self.each(lambda phone, leg: phone.agent.ring(leg, self.now), *numbers)
        self.run(0.1)

    def answer(self, *numbers: int) -> None:
        self.each(lambda phone, leg: phone.agent.answer(leg, ANSWER, self.now), *numbers)
        self.run(0.1)

    def reject(self, status: int, *numbers: int) -> None:
        self.each(lambda phone, leg: phone.agent.reject(leg, status, self.now), *numbers)
        self.run(0.1)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.told if not isinstance(event, DialogChanged)]

    def quiet(self) -> bool:
        self.run(200)
        return not any(one._core.sessions for one in self._agents()) and not self.here._forks._groups


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_all_ring_and_each_can_be_ended_after_a_crash(desk: Desk) -> None:
    invites = [desk.to(number, "INVITE")[0] for number in range(3)]
    assert len({invite.essentials.call_id for invite in invites}) == 1
    assert len({invite.essentials.via.branch for invite in invites}) == 3
    assert {dialog.branch for dialog in desk.saved} == {invite.essentials.via.branch for invite in invites}
    told = [event.dialog for event in desk.told if isinstance(event, DialogChanged)]
    assert told == desk.saved


@pytest.mark.parametrize("winner", [0, 1, 2])
def test_the_first_that_answers_has_the_call(desk: Desk, winner: int) -> None:
    desk.ring(0, 1, 2)
    desk.answer(winner)
    assert [event.leg for event in desk.told if isinstance(event, Answered)] == [HERE]
    for number in {0, 1, 2} - {winner}:
        assert desk.to(number, "CANCEL")[0].first("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert desk.kinds()[-1] == "Answered"
    desk.here.hang_up(HERE, desk.now)
    desk.run(0.1)
    assert [event for event in desk.told if isinstance(event, Ended)] == [Ended(HERE, "us")]
    assert desk.to(winner, "BYE")
    assert "Failed" not in desk.kinds()
    assert desk.quiet()


def test_two_that_answer_at_once_are_one_call(desk: Desk) -> None:
    desk.each(lambda phone, leg: phone.agent.answer(leg, ANSWER, desk.now), 1, 2)
    desk.run(0.1)
    assert desk.kinds().count("Answered") == 1
    assert len(desk.to(2, "ACK")) == len(desk.to(2, "BYE")) == 1
    assert not desk.to(1, "BYE")
    assert "Ended" not in desk.kinds()
    desk.each(lambda phone, leg: phone.agent.hang_up(leg, desk.now), 1)
    desk.run(0.1)
    assert [event for event in desk.told if isinstance(event, Ended)] == [Ended(HERE, "them")]
    assert desk.quiet()


def test_one_that_declines_leaves_the_others_ringing(desk: Desk) -> None:
    desk.reject(486, 0)
    assert "Failed" not in desk.kinds()
    desk.ring(1)
    assert [event.leg for event in desk.told if isinstance(event, Progressed)] == [HERE]
    desk.reject(480, 1)
    desk.reject(404, 2)
    failed = [event for event in desk.told if isinstance(event, Failed)]
    assert [(event.leg, event.status, event.rang) for event in failed] == [(HERE, 486, True)]
    assert desk.quiet()


def test_a_hang_up_reaches_all_of_them(desk: Desk) -> None:
    desk.ring(0, 1)
    desk.here.hang_up(HERE, desk.now)
    desk.run(0.1)
    assert all(desk.to(number, "CANCEL") for number in range(3))
    failed = [event for event in desk.told if isinstance(event, Failed)]
    assert [(event.leg, event.cancelled_by_us) for event in failed] == [(HERE, True)]
    assert desk.quiet()


def test_a_hold_within_the_call_is_the_owner_s(desk: Desk) -> None:
    desk.answer(2)
    desk.each(lambda phone, leg: phone.agent.reoffer(leg, ANSWER, desk.now), 2)
    desk.run(0.1)
    assert [event.leg for event in desk.told if isinstance(event, Reoffered)] == [HERE]
    desk.here.answer_reoffer(HERE, ANSWER, desk.now)
    desk.run(0.1)
    assert len(desk.to(2, "ACK")) == 1
    desk.here.hang_up(HERE, desk.now)
    assert desk.quiet()


def test_a_phone_that_changes_its_sound_while_all_ring_is_answered_itself() -> None:
    desk = Desk(("Require", "100rel"))
    desk.each(lambda phone, leg: phone.agent.ring(leg, desk.now, ANSWER), 0, 1, 2)
    desk.run(0.1)
    desk.each(lambda phone, leg: phone.agent.reoffer(leg, ANSWER, desk.now), 1)
    desk.run(0.1)
    assert [event.leg for event in desk.told if isinstance(event, Reoffered)] == [HERE]
    desk.here.answer_reoffer(HERE, ANSWER, desk.now)
    desk.run(0.1)
    answers = [parse(data) for to, word, data in desk.sent if word == "SIP/2.0" and to == PHONES[1]]
    assert [answer.status for answer in answers if isinstance(answer, Response)] == [200]
    desk.here.hang_up(HERE, desk.now)
    assert desk.quiet()


def test_silence_of_all_is_silence(desk: Desk) -> None:
    desk.phones.clear()
    desk.here.hang_up(HERE, desk.now)
    desk.run(40)
    assert [event.leg for event in desk.told if isinstance(event, Failed)] == [HERE]
