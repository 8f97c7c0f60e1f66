"""How soon the telephone knows that a trunk is gone, and that it is back; the trunk is at 192.0.2.2."""

from __future__ import annotations

from ivr.call import EndCause, ToTrunk
from ivr.exchange import TelephoneSettings
from ivr.settings import SipSettings, TrunkSettings
from tests.unit.calls.bench import NUMBER, OURS, Bench
from tests.unit.calls.network import FakeNetwork, Phone

KNOCK = b"\r\n\r\n"


def _state(bench: Bench) -> str:
    return bench.telephone.trunks()[0].state


def _knocks(bench: Bench) -> list[float]:
    return [at for at, _, _, data in bench.network.wire if data == KNOCK]


def test_where_nobody_answers_from_the_start_it_is_known_after_ten_seconds() -> None:
    bench = Bench()
    bench.network.run(9.5, 0.05)
    assert _state(bench) == "up"
    bench.network.run(1, 0.05)
    assert _state(bench) == "down"
    assert bench.telephone.trunks()[0].last_error == "no answer to OPTIONS"


def test_a_refusal_by_icmp_is_a_miss_at_once() -> None:
    bench = Bench()
    bench.network.closed.add("192.0.2.2")
    bench.network.run(3, 0.05)
    assert _state(bench) == "up"
    bench.network.run(3.5, 0.05)
    assert _state(bench) == "down"
    error = bench.telephone.trunks()[0].last_error
    assert error == "192.0.2.2:5060 refuses by ICMP: nothing listens there"


def test_a_refusal_ends_a_call_that_waits_there() -> None:
    bench = Bench()
    bench.network.closed.add("192.0.2.2")
    ended: list[EndCause] = []
    bench.dial(ToTrunk("kpn", NUMBER, 25)).on_end(lambda ending: ended.append(ending.cause))
    bench.network.run(3, 0.05)
    assert ended == [EndCause.TRUNK_FAULT]


def test_of_two_trunks_on_one_host_the_one_where_nothing_listens_is_down() -> None:
    bench = Bench()
    Phone(bench.network, "192.0.2.2")
    bench.network.closed.add("192.0.2.2")
    shared = {"caller_id": "0343529850"}
    bench.telephone.reconfigure(
        TelephoneSettings(
            sip=SipSettings(listen=("udp:5060:interface=192.0.2.1",)),
            trunks=(
                TrunkSettings(name="kpn", proxy="sip:192.0.2.2:5060", **shared),
                TrunkSettings(name="second", proxy="sip:192.0.2.2:5070", **shared),
            ),
            numbers=OURS,
        )
    )
    bench.network.run(8, 0.05)
    told = {trunk.name: (trunk.state, trunk.last_error) for trunk in bench.telephone.trunks()}
    assert told == {
        "kpn": ("up", None),
        "second": ("down", "192.0.2.2:5070 refuses by ICMP: nothing listens there"),
    }


def test_one_lost_options_takes_nothing_down_and_is_asked_again_within_seconds() -> None:
    bench = Bench()
    trunk = Phone(bench.network, "192.0.2.2")
    bench.network.run(1, 0.05)
    bench.network.lose = lambda data: data.startswith(b"OPTIONS")
    bench.network.run(31, 0.05)
    bench.network.lose = lambda data: False
    states = set()
    for _ in range(20):
        bench.network.run(0.5, 0.05)
        states.add(_state(bench))
    assert states == {"up"}
    assert len(set(bench.network.sent("OPTIONS"))) == 3
    assert trunk.events == []


def test_one_that_went_away_is_down_ten_seconds_after_the_options_that_it_missed_and_back_ten_seconds_after_it_is() -> (
    None
):
    bench = Bench()
    Phone(bench.network, "192.0.2.2")
    bench.network.run(1, 0.05)
    bench.network.lose = lambda data: True
    bench.network.run(40, 0.05)
    assert _state(bench) == "down"
    bench.network.lose = lambda data: False
    bench.network.run(10.5, 0.05)
    assert _state(bench) == "up"


def test_a_call_without_answer_is_reason_to_ask_now() -> None:
    bench = Bench()
    Phone(bench.network, "192.0.2.2")
    bench.network.run(1, 0.05)
    bench.network.lose = lambda data: True
    bench.dial()
    bench.network.run(17, 0.05)
    assert _state(bench) == "down"


def test_who_answers_is_asked_at_its_interval_and_never_knocked_at() -> None:
    bench = Bench()
    Phone(bench.network, "192.0.2.2")
    bench.network.run(100, 0.05)
    assert len(bench.network.sent("OPTIONS")) == 4
    assert _knocks(bench) == []


def test_one_that_takes_calls_and_ignores_options_is_asked_at_its_interval() -> None:
    network = FakeNetwork()
    network.lose = lambda data: data.startswith(b"OPTIONS")
    bench = Bench(network=network)
    Phone(bench.network, "192.0.2.2")
    bench.dial()
    bench.network.run(120, 0.05)
    assert _state(bench) == "up"
    assert len(set(bench.network.sent("OPTIONS"))) < 8


def test_what_is_stopped_leaves_no_socket() -> None:
    bench = Bench()
    bench.network.run(2.1, 0.05)
    assert len(bench.network.sockets) == 2
    bench.telephone.stopService()
    assert bench.network.sockets == {}
