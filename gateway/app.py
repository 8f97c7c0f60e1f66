"""The daemon, wired: the only place that knows every room, and with `cli` the only one that names the reactor.

Order of a start: database, then everything made, then what an earlier process left on the wire is read, then the ports
open, orphaned calls are ended, and only then work is given out. Of a stop: no new calls, those that are up go on for
`drain_seconds`, then each service ends in the reverse order.
"""

from __future__ import annotations

import gc
import secrets
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url
from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.logger import Logger, globalLogBeginner
from twisted.python.failure import Failure

from config.document import Configuration
from config.faults import ConfigurationFaults
from config.loader import load
from foundation.clock import Clocks
from foundation.dice import Dice
from foundation.telephone_numbers import PhoneNumber, read
from gateway.callbacks.line import CallbackLine
from gateway.callbacks.running import CallbackManner
from gateway.callbacks.sounds import SpokenCallbackSounds
from gateway.domain.action import Desk
from gateway.domain.identifiers import ActionId, DeliveryKey, DeskId, NodeName
from gateway.domain.outcomes import ChannelName
from gateway.engine.daily_calls import DailyCalls
from gateway.engine.media import RoomMedia
from gateway.engine.receipt_asking import ReceiptAsking
from gateway.engine.rules import EngineRules, engine_rules
from gateway.engine.service import EngineLife, EngineService, Foundation
from gateway.engine.texts import TextChannel, TextHooks
from gateway.engine.voice import VoiceChannel
from gateway.engine.voice_attempt import VoiceHooks
from gateway.engine.voice_prompts import VoicePrompts
from gateway.http.service import HttpService, PortTaken
from gateway.observe import Metrics, json_lines
from gateway.peers import PeerWatch
from gateway.settings import OperatorSettings
from gateway.store.database import Database, open_database
from gateway.store.faults import StoreFault
from gateway.store.journal import Journal
from gateway.store.reader import ThreadedReader
from gateway.store.receipts import Receipts
from gateway.store.writer import ThreadedWriter
from ivr.call import Call
from ivr.exchange import TelephoneSettings
from ivr.media.pool import MediaPool
from ivr.telephone import TelephoneService
from prompts import texts
from prompts.library import Library
from prompts.speech import SpeechFailed
from sms.pool import SmscPool

log = Logger()

_DRAIN_LOOK_SECONDS = 0.1


class CannotStart(Exception):
    """The daemon does not start; the message says why and what to do."""


def run(configuration: Configuration) -> None:
    """`burgernet run`: returns after a drained stop, exits with 1 where it cannot start."""
    from twisted.internet import reactor as the_reactor

    # Typed as a module, it is an object with every reactor interface.
    reactor: Any = the_reactor
    # Twisted's clock is the wall clock: timers would jump with it.
    reactor.seconds = time.monotonic
    globalLogBeginner.beginLoggingTo([json_lines(sys.stderr)], redirectStandardIO=False)
    try:
        database = open_database(configuration.gateway.database, configuration.gateway.node)
    except StoreFault as fault:
        _refuse(str(fault))
    try:
        daemon = Daemon(configuration, database, reactor)
    except ValueError as fault:
        # A certificate that can't be used, a trunk that can't be called: what only the making of the parts can know.
        _refuse(str(fault))
    # What was made so far lives as long as the process. Looking it through again and again took a quarter of the CPU.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    failed: list[str] = []
    reactor.callWhenRunning(lambda: _begin(daemon, reactor, failed))
    reactor.run()
    database.close()
    if failed:
        _refuse(failed[0])


def _refuse(reason: str) -> Any:
    """One line for the log, which says all that a person needs too."""
    log.critical("the daemon does not start: {reason}", reason=reason)
    sys.exit(1)


def _begin(daemon: Daemon, reactor: Any, failed: list[str]) -> None:
    """Start; where that fails, stop what did start and remember why."""
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(daemon.stop()))
    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(daemon.reload))

    def refused(failure: Failure) -> None:
        known = failure.check(CannotStart, PortTaken, CannotListenError, StoreFault)
        if known is None:
            log.failure("the start failed by our own fault", failure)
        failed.append(failure.getErrorMessage())
        reactor.stop()

    Deferred.fromCoroutine(daemon.start()).addErrback(refused)


class Daemon:
    """Every part of the gateway, made once and joined by constructors."""

    def __init__(self, configuration: Configuration, database: Database, reactor: Any) -> None:
        self._configuration = configuration
        self._reactor = reactor
        self._began = False
        clocks = Clocks(reactor.seconds, lambda: datetime.now(UTC))
        node = NodeName(configuration.gateway.node)
        state = _state_directory(configuration)
        dice = Dice()

        self._writer = ThreadedWriter(database.writing, reactor.callFromThread)
        self._reader = ThreadedReader(database.reading, reactor)
        self._library = Library(configuration.speech, reactor, clocks)
        self._media = MediaPool(configuration.rtp, reactor, clocks, dice)
        self._telephone = TelephoneService(
            _telephone_settings(configuration), self._media, Journal(self._writer, node), clocks, reactor, dice
        )
        self._smscs = SmscPool(configuration.smscs, clocks, reactor, dice)
        prompts = VoicePrompts(self._library, configuration.voice.keys)
        self._engine = EngineService(
            Foundation(
                writer=self._writer,
                reader=self._reader,
                clocks=clocks,
                reactor=reactor,
                node=node,
                media=RoomMedia(self._library, prompts, self._smscs.segment),
                directory=state / "recordings",
                token=secrets.token_urlsafe,
            ),
            _rules(configuration),
        )
        self._sounds = SpokenCallbackSounds(self._library, self._title_of, configuration.callback.accept_key)
        self._line = self._callback_line(configuration, state / "tips")
        self._voice = VoiceChannel(
            self._telephone,
            prompts,
            configuration.voice,
            VoiceHooks(self._stop_calls, self._connect, self._engine.save_call),
            clocks,
        )
        self._daily_calls = DailyCalls(self._telephone, self._library, self._engine.save_call, clocks, reactor)
        self._texts = TextChannel(
            self._smscs,
            Receipts(self._reader, self._writer, clocks),
            TextHooks(self._stop_texts, self._engine.save_reply, self._engine.answer_due),
            reactor,
        )
        metrics = Metrics(self._telephone.trunks, self._smscs.smscs, self._engine.running)
        self._http = HttpService(
            configuration.http,
            self._engine,
            self._library,
            self._telephone.trunks,
            self._smscs.smscs,
            reactor,
            clocks,
            metrics,
        )
        self._services = MultiService()
        watch = PeerWatch(self._telephone.trunks, self._smscs.smscs, self._engine.publish, reactor)
        asking = ReceiptAsking(self._smscs, self._texts.receipt, self._reader, clocks, reactor)
        for service in (self._library, self._media, EngineLife(self._engine), watch, asking):
            IService(service).setServiceParent(self._services)

    def _callback_line(self, configuration: Configuration, tips: Path) -> CallbackLine:
        callback = configuration.callback
        manner = CallbackManner(
            default_room=callback.default_room,
            tips=tips,
            accept_key=callback.accept_key,
            ring_seconds=callback.ring_seconds,
            grace_seconds=callback.grace_minutes * 60,
        )
        return CallbackLine(self._telephone, self._engine, self._sounds, manner)

    # ---- life

    async def start(self) -> None:
        """Raises CannotStart, PortTaken, CannotListenError or StoreFault."""
        self._writer.start()
        self._reader.start()
        self._began = True
        await self._engine.prepare([_desk(operator) for operator in self._configuration.operators])
        await self._know_desks()
        self._voice.listen(self._engine)
        self._texts.listen(self._engine)
        self._engine.attach(self._voice)
        self._engine.attach(self._texts)
        self._engine.on_owner_changed(self._line.owner_changed)
        self._services.startService()
        try:
            self._telephone.setServiceParent(self._services)
        except CannotListenError as error:
            raise CannotStart(
                f"[sip] listen can't be opened: {error}. Stop what listens there, or choose another port."
            ) from error
        await self._engine.recover(self._telephone.end_orphans)
        # Not before: a desk that is rung must not still be in an orphaned call.
        self._telephone.on_incoming(self._line.incoming)
        self._daily_calls.follow(self._configuration.trunks)
        self._smscs.setServiceParent(self._services)
        self._http.setServiceParent(self._services)
        await self._http.listening()
        self._warm()
        log.info("the daemon is ready", node=self._configuration.gateway.node, http=self._configuration.http.listen)

    async def stop(self) -> None:
        """Drain, then end everything. Never raises: the process must end."""
        if not self._began:
            return
        seconds = self._configuration.gateway.drain_seconds
        log.info("draining for at most {seconds} s", seconds=seconds)
        try:
            self._daily_calls.stop()
            self._engine.drain()
            until = self._reactor.seconds() + seconds
            await self._telephone.drain(seconds)
            while self._texts.in_progress and self._reactor.seconds() < until:
                await deferLater(self._reactor, _DRAIN_LOOK_SECONDS, lambda: None)
        except Exception:  # noqa: BLE001 - a shell boundary: the rest must end all the same
            log.failure("draining failed")
        try:
            await self._services.stopService()
        except Exception:  # noqa: BLE001 - as above
            log.failure("a service did not end")
        self._texts.stop()
        # What the services' end had to save is in the writer's hands by now; both wait for their threads.
        pool = self._reactor.getThreadPool()
        for part in (self._writer, self._reader):
            ended: Deferred[None] = Deferred()
            pool.callInThreadWithCallback(
                lambda _ok, _result, ended=ended: self._reactor.callFromThread(ended.callback, None), part.stop
            )
            await ended
        log.info("the daemon has stopped")

    def reload(self) -> None:
        """SIGHUP: another configuration where it is whole, else every fault in the log and the old one stays."""
        try:
            new = load(self._configuration.file)
        except ConfigurationFaults as faults:
            for fault in faults.faults:
                log.error("the configuration was not reloaded: {fault}", fault=str(fault))
            return
        old, self._configuration = self._configuration, new
        self._engine.reconfigure(_rules(new))
        self._telephone.reconfigure(_telephone_settings(new))
        self._voice.reconfigure(new.voice)
        self._daily_calls.follow(new.trunks)
        self._http.reconfigure(new.http)
        Deferred.fromCoroutine(self._reload_desks()).addErrback(
            lambda failure: log.failure("desks were not reloaded", failure)
        )
        for name in ("gateway", "sip", "rtp", "smscs", "speech", "callback"):
            if getattr(old, name) != getattr(new, name):
                log.warn("what changed in {name} takes a restart", name=name)
        log.info("the configuration was reloaded")

    async def _reload_desks(self) -> None:
        await self._engine.configure_desks([_desk(operator) for operator in self._configuration.operators])
        await self._know_desks()

    async def _know_desks(self) -> None:
        """Tell the telephone of them, and the log of what can only be a mistake if no desk is added by the API."""
        desks = await self._engine.desks()
        self._telephone.know_desks((desk.id, desk.uri) for desk in desks if desk.uri is not None)
        known = {desk.id for desk in desks}
        for desk in desks:
            if desk.deputy is not None and desk.deputy not in known:
                log.warn("the deputy of {desk} is {deputy}, which is no desk yet", desk=desk.id, deputy=desk.deputy)
        room = self._configuration.callback.default_room
        if all(desk.room != room for desk in desks):
            log.warn("nobody sits in {room}, where callers without an action are put through", room=room)

    def _warm(self) -> None:
        """Render what callers and participants hear first. Without a voice tones must do: logged, no reason to end."""

        said = self._configuration.voice.keys
        keys = texts.Keys(said.repeat, said.seen, said.operator, said.stop)

        async def warm() -> None:
            try:
                await self._sounds.warm()
                for language in texts.LANGUAGES:
                    await self._library.warm(language, keys)
            except SpeechFailed as failed:
                log.error("no voice for the callback line: {reason}", reason=str(failed))

        Deferred.fromCoroutine(warm()).addErrback(lambda failure: log.failure("warming failed", failure))

    # ---- what the rooms ask of each other

    async def _title_of(self, action: ActionId) -> str:
        return (await self._engine.action(action)).action.draft.title

    async def _stop_calls(self, number: PhoneNumber) -> None:
        await self._engine.opt_out(number, ChannelName.VOICE)

    async def _stop_texts(self, number: PhoneNumber) -> str | None:
        new = await self._engine.opt_out(number, ChannelName.SMS)
        return await self._engine.language_of(number) if new else None

    async def _connect(self, call: Call, key: DeliveryKey) -> None:
        await self._line.connect(call, key.action, key.recipient)


def _rules(configuration: Configuration) -> EngineRules:
    return engine_rules(
        configuration.voice,
        configuration.quiet,
        configuration.retention,
        configuration.trunks,
        configuration.smscs,
    )


def _desk(operator: OperatorSettings) -> Desk:
    deputy = None if operator.deputy is None else DeskId(operator.deputy)
    return Desk(DeskId(operator.id), operator.name, operator.uri, operator.room, deputy)


def _telephone_settings(configuration: Configuration) -> TelephoneSettings:
    return TelephoneSettings(
        configuration.sip,
        configuration.trunks,
        _our_numbers(configuration),
        configuration.voice.prefix_limit,
        {desk.id: desk.password.get_secret_value() for desk in configuration.operators if desk.password is not None},
    )


def _our_numbers(configuration: Configuration) -> frozenset[PhoneNumber]:
    """Every number that people may call: the callback line's, and those that our trunks show."""
    shown = [number for trunk in configuration.trunks for number in (trunk.caller_id, *trunk.caller_ids)]
    return frozenset(read(number) for number in (*configuration.callback.numbers, *shown))


def _state_directory(configuration: Configuration) -> Path:
    """Where recordings lie: beside the SQLite file, else in `var` beside the configuration."""
    url = make_url(configuration.gateway.database)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database).parent
    return configuration.file.parent / "var"
