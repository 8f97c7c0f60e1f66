"""CPU a call of the telephone alone (SIP, calls, a media worker; no engine, no store), of pjsua2 and of SIPp for the same.

    PYTHONPATH=. python benchmarks/calls/bench_telephone.py [--calls 300] [--at-once 3]

Each calls SIPp's own answering scenario, hangs up a tenth of a second after it is answered, and begins the next: three
at a time, since pjsua2 asserts at four, and when its closed sockets, which it keeps for half a second, are too many. The
telephone's own figure for thirty at once comes after that. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.calls.bench_alert_call import _children, _cpu_seconds
from tests.daemon import free_port

_MANY_AT_ONCE = 30
_HOLD_SECONDS = 0.1


def _telephone(port: int, calls: int, at_once: int) -> None:
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, gatherResults

    from foundation.clock import Clocks
    from foundation.dice import Dice
    from foundation.telephone_numbers import PhoneNumber, read
    from ivr.call import ToTrunk
    from ivr.exchange import TelephoneSettings
    from ivr.media.pool import MediaPool
    from ivr.settings import RtpSettings, SipSettings, TrunkSettings
    from ivr.telephone import TelephoneService

    class Journal:
        """Keeps nothing: what saving costs is the store's figure."""

        async def save(self, dialog: object) -> None:
            return

    clocks = Clocks(reactor.seconds, lambda: datetime.now(UTC))
    pool = MediaPool(RtpSettings(ports="15800-16999"), reactor, clocks, random.Random(1))
    trunk = TrunkSettings(
        name="sipp", proxy=f"sip:127.0.0.1:{port}", caller_id="0343529850", channels=1_000, calls_per_second=10_000
    )
    settings = TelephoneSettings(
        SipSettings(listen=("udp:0:interface=127.0.0.1",)), (trunk,), frozenset({read("0800-0011")})
    )
    telephone = TelephoneService(settings, pool, Journal(), clocks, reactor, Dice())
    left = iter(range(calls))

    async def caller() -> None:
        for each in left:
            number = PhoneNumber(f"+316{10_000_000 + each}")
            call = await telephone.dial(ToTrunk("sipp", number, 25), reserved=False)
            await call.answered()
            await call.pause(_HOLD_SECONDS)
            over: Deferred[object] = Deferred()
            call.on_end(over.callback)
            call.hang_up()
            await over

    async def run() -> None:
        pool.startService()
        telephone.startService()
        first = await telephone.dial(ToTrunk("sipp", PhoneNumber("+31600000000"), 25), reserved=False)
        await first.answered()
        first.hang_up()
        (worker,) = pool.pids
        before, at_worker = _own(), _cpu_seconds(worker)
        await gatherResults([Deferred.fromCoroutine(caller()) for _ in range(at_once)])
        print(json.dumps([_own() - before, _cpu_seconds(worker) - at_worker]))
        await telephone.drain(1)
        await telephone.stopService()
        await pool.stopService()
        reactor.stop()

    failed: list[Any] = []
    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(run()).addErrback(lambda why: (failed.append(why), reactor.stop()))
    )
    reactor.run()
    if failed:
        failed[0].raiseException()


def _pjsua2(port: int, calls: int, at_once: int) -> None:
    import pjsua2

    class Call(pjsua2.Call):  # type: ignore[misc]  # the wheel has no types
        over = False
        up_at: float | None = None

        def onCallState(self, parameters: Any) -> None:
            state = self.getInfo().state
            if state == pjsua2.PJSIP_INV_STATE_DISCONNECTED:
                self.over = True
            elif state == pjsua2.PJSIP_INV_STATE_CONFIRMED:
                self.up_at = time.monotonic()

    endpoint = pjsua2.Endpoint()
    endpoint.libCreate()
    settings = pjsua2.EpConfig()
    settings.uaConfig.threadCnt, settings.uaConfig.mainThreadOnly = 0, True
    settings.uaConfig.maxCalls = 16
    settings.logConfig.level = settings.logConfig.consoleLevel = 0
    endpoint.libInit(settings)
    transport = pjsua2.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    endpoint.transportCreate(pjsua2.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    account = pjsua2.Account()
    identity = pjsua2.AccountConfig()
    identity.idUri = "sip:bench@127.0.0.1"
    account.create(identity)
    up: list[Call] = []
    begun = done = 0
    before = _own()
    while done < calls:
        while len(up) < at_once and begun < calls:
            call = Call(account)
            call.makeCall(f"sip:316{10_000_000 + begun}@127.0.0.1:{port}", pjsua2.CallOpParam(True))
            up.append(call)
            begun += 1
        endpoint.libHandleEvents(5)
        for call in up:
            if call.up_at is not None and time.monotonic() > call.up_at + _HOLD_SECONDS:
                call.up_at = None
                call.hangup(pjsua2.CallOpParam())
        done += sum(call.over for call in up)
        up = [call for call in up if not call.over]
    print(json.dumps([_own() - before, 0.0]), flush=True)
    os._exit(0)  # pjlib asserts when Python takes its objects away in an order of its own


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _measure(kind: str, calls: int, at_once: int) -> tuple[float, float, float]:
    """Milliseconds of CPU a call: of the caller, of its media worker, of SIPp."""
    port = free_port()
    sipp = subprocess.Popen(
        ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-nostdin"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)
        before = _cpu_seconds(sipp.pid)
        words = [sys.executable, __file__, "--play", kind, "--port", str(port)]
        words += ["--calls", str(calls), "--at-once", str(at_once)]
        said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
        caller, worker = json.loads(said.strip().splitlines()[-1])
        theirs = _cpu_seconds(sipp.pid) - before
    finally:
        for child in (*_children(sipp.pid), sipp.pid):
            os.kill(child, 9)
        sipp.wait()
    return caller / calls * 1000, worker / calls * 1000, theirs / calls * 1000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=300)
    arguments.add_argument("--at-once", type=int, default=3)
    arguments.add_argument("--play", choices=("telephone", "pjsua2"), help=argparse.SUPPRESS)
    arguments.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.play is not None:
        play = _telephone if options.play == "telephone" else _pjsua2
        play(options.port, options.calls, options.at_once)
        return
    print(f"load {os.getloadavg()[0]:.1f}")
    for kind, at_once in (("telephone", options.at_once), ("pjsua2", options.at_once), ("telephone", _MANY_AT_ONCE)):
        caller, worker, sipp = _measure(kind, options.calls, at_once)
        beside = f", its media worker {worker:.3f}" if worker else ""
        print(f"{kind:>10}, {at_once:>3} at once  {caller:.3f} ms of CPU a call{beside}, SIPp {sipp:.3f}")


if __name__ == "__main__":
    main()
