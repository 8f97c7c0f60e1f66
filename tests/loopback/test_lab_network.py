"""The lab's whole network, with a handset in the gateway's place: everybody behaves as the town's file says."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.loader import load
from lab.delays import Delays
from lab.desk import DESK_TONE
from lab.events import Did, Event
from lab.handset import Handset, HandsetCall
from lab.network import ACCEPT_KEY, Network, Ports
from lab.people import CALLER_TONE
from lab.town import Does, Person, Town, read_town

PATIENCE = 8.0
ANNA = Person("Anna", "+31612340001", (52.0, 5.0), "1234AB", Does.LISTENS)


class Gateway:
    """A network for one person, and a telephone that calls it as a trunk's other end."""

    def __init__(self, person: Person, talk: Callable[[HandsetCall], None] = lambda call: None) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        town = Town("T", "T", 52.0, 5.0, 100.0, 0.05, (person,))
        ports = Ports.free()
        self.network = Network(town, ports, self.events.put)
        self.network.start()
        self.delays = Delays()
        self.phone = Handset(talk, ("127.0.0.1", ports.trunk), "127.0.0.1", ports.gateway_sip, self.delays, "gateway")
        self.phone.start()
        self.person = person

    def call(self, speech_seconds: float = 10.0) -> HandsetCall:
        """Call the person and talk until they hang up or, after that time, the message is over."""
        call = self.phone.call(self.person.phone, "+31343529850")
        if call.wait_answered(PATIENCE):
            call.say_tone(400, speech_seconds)
            call.wait_ended(speech_seconds)
        call.hang_up()
        call.wait_ended(PATIENCE)
        return call

    def told(self, did: Did) -> Event:
        """The next event of that kind; those before it are passed over."""
        while True:
            event = self.events.get(timeout=PATIENCE)
            if event.did is did:
                return event

    def stop(self) -> None:
        self.phone.stop()
        self.network.stop()
        self.delays.stop()


@pytest.fixture
def gateway_for() -> Iterator[Callable[..., Gateway]]:
    running: list[Gateway] = []

    def start(person: Person, talk: Callable[[HandsetCall], None] = lambda call: None) -> Gateway:
        running.append(Gateway(person, talk))
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()


@pytest.mark.parametrize(
    ("does", "code"), [(Does.BUSY, 486), (Does.DECLINES, 603), (Does.PHONE_OFF, 480), (Does.UNKNOWN_NUMBER, 404)]
)
def test_who_does_not_take_the_call_refuses_it(gateway_for: Callable[..., Gateway], does: Does, code: int) -> None:
    gateway = gateway_for(replace(ANNA, does=does))
    assert gateway.call().code == code
    assert gateway.told(Did.REFUSED).detail == str(code)


def test_a_number_that_nobody_has_is_not_found(gateway_for: Callable[..., Gateway]) -> None:
    gateway = gateway_for(ANNA)
    gateway.person = replace(ANNA, phone="+31612349999")
    assert gateway.call().code == 404


def test_a_listener_hears_all_of_it(gateway_for: Callable[..., Gateway]) -> None:
    gateway = gateway_for(ANNA)
    gateway.call(1.0)
    assert gateway.told(Did.HEARD).milliseconds >= 900
    [report] = gateway.network.people.reports
    assert (report.number, report.caller, report.answered, report.ended_by) == (
        ANNA.phone, "+31343529850", True, "them",
    )  # fmt: skip


def test_who_presses_a_key_does_so_when_something_was_heard(gateway_for: Callable[..., Gateway]) -> None:
    gateway = gateway_for(replace(ANNA, does=Does.PRESSES, press=("2",)))
    call = gateway.phone.call(ANNA.phone)
    assert call.wait_answered(PATIENCE)
    assert not call.wait_until(lambda: call.keys != [], 0.5), "nobody presses a key in silence"
    call.say_tone(400, 5.0)
    assert call.wait_until(lambda: call.keys == ["2"], PATIENCE)


def test_who_hangs_up_half_way_has_heard_a_part(gateway_for: Callable[..., Gateway]) -> None:
    gateway = gateway_for(replace(ANNA, does=Does.HANGS_UP))
    call = gateway.call(PATIENCE)
    assert call.ended_by == "them"
    assert 2900 <= gateway.told(Did.HEARD).milliseconds <= 4000


def test_who_was_engaged_once_answers_the_second_time(gateway_for: Callable[..., Gateway]) -> None:
    gateway = gateway_for(replace(ANNA, does=Does.BUSY_ONCE))
    assert gateway.call(0.1).code == 486
    assert gateway.call(0.1).was_up


def test_a_call_that_nobody_takes_is_given_up_by_the_caller(gateway_for: Callable[..., Gateway]) -> None:
    gateway = gateway_for(replace(ANNA, does=Does.NO_ANSWER))
    call = gateway.phone.call(ANNA.phone)
    assert call.wait_until(lambda: call.ringing, PATIENCE)
    call.hang_up()
    assert gateway.told(Did.GIVEN_UP).number == ANNA.phone


def test_who_calls_back_and_a_desk_hear_each_other(gateway_for: Callable[..., Gateway]) -> None:
    """The telephone in the gateway's place bridges by saying each end's tone to the other."""
    bridged: queue.SimpleQueue[HandsetCall] = queue.SimpleQueue()

    def to_the_desk(call: HandsetCall) -> None:
        call.pick_up()
        bridged.put(call)
        call.say_tone(DESK_TONE, 2.0)
        call.wait_ended(PATIENCE)

    gateway = gateway_for(replace(ANNA, calls_back="+318000011"), to_the_desk)
    gateway.call(0.2)
    caller = bridged.get(timeout=PATIENCE)
    assert (caller.number, caller.caller) == ("+318000011", ANNA.phone)
    assert gateway.told(Did.CONNECTED).number == ANNA.phone
    assert caller.wait_until(lambda: caller.ear.tone_ms(CALLER_TONE) >= 500, PATIENCE)


def test_a_desk_hears_the_whisper_accepts_and_talks(gateway_for: Callable[..., Gateway]) -> None:
    gateway = gateway_for(ANNA)
    port = gateway.network.ports.desks["desk-7"]
    desk_line = Handset(lambda call: None, ("127.0.0.1", port), "127.0.0.1", 0, gateway.delays, "gateway")
    desk_line.start()
    call = desk_line.call("desk-7", "+31343529850")
    assert call.wait_answered(PATIENCE)
    second = desk_line.call("desk-7", "+31343529850")
    assert second.wait_ended(PATIENCE)
    assert second.code == 486, "engaged for a second caller"
    call.say_tone(400, 2.0)
    assert call.wait_until(lambda: call.keys == [ACCEPT_KEY], PATIENCE)
    call.say_tone(CALLER_TONE, 2.0)
    assert call.wait_until(lambda: call.ear.tone_ms(DESK_TONE) >= 900, PATIENCE)
    assert call.wait_ended(PATIENCE + 4)
    assert call.ended_by == "them"
    gateway.told(Did.CONNECTED)
    desk_line.stop()
    [report] = gateway.network.desks["desk-7"].reports
    assert report.tone_ms >= 800


def test_the_configuration_that_the_lab_writes_is_right(tmp_path: Path) -> None:
    network = Network(read_town(), Ports.free(), lambda event: None)
    file = tmp_path / "gateway.toml"
    file.write_text(network.configuration(tmp_path, "a-secret-of-some-length"))
    configuration = load(file)
    assert [trunk.name for trunk in configuration.trunks] == ["lab"]
    network.stop()


@pytest.mark.parametrize("peer", ["trunk", "smsc"])
def test_a_port_in_use_is_named_and_nothing_is_left_running(peer: str) -> None:
    first = Network(read_town(), Ports.free(), lambda event: None)
    first.start()
    taken = getattr(first.ports, peer)
    second = Network(read_town(), replace(Ports.free(), **{peer: taken}), lambda event: None)
    with pytest.raises(OSError, match=str(taken)):
        second.start()
    first.stop()
    third = Network(read_town(), second.ports, lambda event: None)
    third.start()
    third.stop()


def test_the_usual_ports_fit_the_configuration_of_the_project() -> None:
    configuration = load(Path(__file__).parent.parent.parent / "config" / "gateway.toml")
    ports = Ports()
    assert configuration.trunks[0].proxy.startswith(f"sip:127.0.0.1:{ports.trunk};")
    assert configuration.smscs[0].port == ports.smsc
    assert {desk.id: desk.uri for desk in configuration.operators} == {
        name: f"sip:{name}@127.0.0.1:{port}" for name, port in ports.desks.items()
    }
