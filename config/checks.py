"""What no single table can know: references between tables, readable numbers, ports, files that must exist. Reads the
file system and the time zone database; nothing else.

Each check yields (path, words). A check sees only tables that were right by themselves, so that one mistake is told once.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from config.lines import Path as KeyPath
from config.wires import host_fault, http_fault, listen_fault, sip_listeners, uri_fault
from foundation.settings import Settings
from foundation.telephone_numbers import NumberFault, read, refusal
from gateway.settings import (
    CallbackSettings,
    GatewaySettings,
    HttpSettings,
    OperatorSettings,
    QuietSettings,
    RetentionSettings,
    VoiceSettings,
)
from ivr.settings import RtpSettings, SipSettings, TrunkSettings
from prompts import lexicon
from prompts.settings import SpeechSettings
from sms.settings import SmscSettings

Found = Iterator[tuple[KeyPath, str]]
Model = TypeVar("Model", bound=Settings)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that could be read; None, or left out of a list, where one was faulty. `raw` is the file as it is."""

    single: Mapping[str, Settings | None]
    arrays: Mapping[str, tuple[Settings | None, ...]]
    raw: Mapping[str, Any]

    def _one(self, name: str, model: type[Model]) -> Model | None:
        table = self.single[name]
        return table if isinstance(table, model) else None

    def _many(self, name: str, model: type[Model]) -> list[tuple[int, Model]]:
        return [(number, table) for number, table in enumerate(self.arrays[name]) if isinstance(table, model)]

    @property
    def gateway(self) -> GatewaySettings | None:
        return self._one("gateway", GatewaySettings)

    @property
    def http(self) -> HttpSettings | None:
        return self._one("http", HttpSettings)

    @property
    def sip(self) -> SipSettings | None:
        return self._one("sip", SipSettings)

    @property
    def rtp(self) -> RtpSettings | None:
        return self._one("rtp", RtpSettings)

    @property
    def callback(self) -> CallbackSettings | None:
        return self._one("callback", CallbackSettings)

    @property
    def voice(self) -> VoiceSettings | None:
        return self._one("voice", VoiceSettings)

    @property
    def speech(self) -> SpeechSettings | None:
        return self._one("speech", SpeechSettings)

    @property
    def quiet(self) -> QuietSettings | None:
        return self._one("quiet", QuietSettings)

    @property
    def retention(self) -> RetentionSettings | None:
        return self._one("retention", RetentionSettings)

    @property
    def trunks(self) -> list[tuple[int, TrunkSettings]]:
        return self._many("trunk", TrunkSettings)

    @property
    def operators(self) -> list[tuple[int, OperatorSettings]]:
        return self._many("operator", OperatorSettings)

    @property
    def smscs(self) -> list[tuple[int, SmscSettings]]:
        return self._many("smsc", SmscSettings)

    def said(self, name: str, key: str) -> list[tuple[int, str]]:
        """A key of each `[[name]]` as it is in the file, also of those that are faulty elsewhere."""
        tables = self.raw.get(name)
        tables = tables if isinstance(tables, list) else []
        return [
            (number, table[key])
            for number, table in enumerate(tables)
            if isinstance(table, dict) and isinstance(table.get(key), str)
        ]


def check(tables: Tables, folder: Path) -> Found:
    """Everything that is wrong between and around the tables; `folder` is where relative paths start."""
    for part in _CHECKS:
        yield from part(tables, folder)


def _database(tables: Tables, folder: Path) -> Found:
    if tables.gateway is None:
        return
    url, path = tables.gateway.database, ("gateway", "database")
    if re.fullmatch(r"postgresql\+psycopg://.+/.+", url):
        return
    if not re.fullmatch(r"sqlite:///[^?]+(\?.*)?", url):
        yield path, f'is {url!r}; write "sqlite:///var/burgernet.db" or "postgresql+psycopg://user@host/db"'
    elif ":memory:" in url:
        yield path, 'keeps nothing over a restart; write a file, as in "sqlite:///var/burgernet.db"'


def _http(tables: Tables, folder: Path) -> Found:
    if tables.http is None:
        return
    words = http_fault(tables.http.listen, folder)
    if words:
        yield ("http", "listen"), words
    names = [(("http", "token", at, "name"), token.name) for at, token in enumerate(tables.http.token)]
    yield from _twice(names, "names two tokens; the audit trail could not tell them apart")
    secrets: dict[str, int] = {}
    for at, token in enumerate(tables.http.token):
        first = secrets.setdefault(token.secret.get_secret_value(), at)
        if first != at:
            yield ("http", "token", at, "secret"), f"is the same as token[{first}]'s; give each person one of their own"


def _sip(tables: Tables, folder: Path) -> Found:
    if tables.sip is None:
        return
    for at, listen in enumerate(tables.sip.listen):
        words = listen_fault(listen, folder)
        if words:
            yield ("sip", "listen", at), words
    yield from _networks(("sip", "desks_from"), tables.sip.desks_from)
    if tables.sip.advertise is not None and (words := host_fault(tables.sip.advertise)):
        yield ("sip", "advertise"), words


def _rtp(tables: Tables, folder: Path) -> Found:
    if tables.rtp is None:
        return
    low, high = (int(port) for port in tables.rtp.ports.split("-"))
    if not 1024 <= low < high <= 65535:
        yield ("rtp", "ports"), f'is {tables.rtp.ports!r}; write a range from 1024 to 65535, as in "20000-29999"'
    elif tables.sip is not None:
        for kind, port in sip_listeners(tables.sip.listen):
            if kind == "udp" and low <= port <= high:
                yield ("rtp", "ports"), f"holds {port}, where SIP listens; choose a range without it"
    for key, address in (("address", tables.rtp.address), ("advertise", tables.rtp.advertise)):
        if address is not None and not _is_address(address):
            yield ("rtp", key), f'is {address!r}; write an IP address, as in "127.0.0.1"'


def _trunks(tables: Tables, folder: Path) -> Found:
    names = [(("trunk", at, "name"), name) for at, name in tables.said("trunk", "name")]
    yield from _twice(names, "names two trunks; choose another name")
    for at, trunk in tables.trunks:
        path: KeyPath = ("trunk", at)
        for key, uri in (("proxy", trunk.proxy), ("registrar", trunk.registrar)):
            if uri is not None and (words := uri_fault(uri)):
                yield (*path, key), words
        yield from _number((*path, "caller_id"), trunk.caller_id)
        for number, caller_id in enumerate(trunk.caller_ids):
            yield from _number((*path, "caller_ids", number), caller_id)
        if trunk.test_number is not None and (words := refusal(trunk.test_number)):
            yield (*path, "test_number"), words
        yield from _networks((*path, "allow_from"), trunk.allow_from)
        if trunk.privacy != "off" and trunk.identity == "none":
            yield (*path, "privacy"), 'speaks of the number in identity; write identity = "pai" or "ppi" beside it'
        if trunk.register_ and (trunk.username is None or trunk.password is None):
            yield (*path, "register"), "needs username and password (or password_file) beside it"
        elif trunk.password is not None and trunk.username is None:
            yield (*path, "username"), "is missing beside the password; write the account's name"
        if trunk.reserve >= trunk.channels and trunk.reserved_for_callbacks is not None:
            yield (*path, "reserved_for_callbacks"), f"leaves alerts none of {trunk.channels} channels; lower it"


def _operators(tables: Tables, folder: Path) -> Found:
    ids = [(("operator", at, "id"), name) for at, name in tables.said("operator", "id")]
    yield from _twice(ids, "names two operators; choose another id")
    for at, operator in tables.operators:
        path: KeyPath = ("operator", at)
        if operator.uri is None and operator.password is None:
            yield path, "needs uri (where the desk is called) or password (for a phone that registers with the gateway)"
        elif operator.uri is not None and operator.password is not None:
            yield (*path, "password"), "stands beside uri; keep uri, or the password of a phone that registers"
        if operator.uri is not None and (words := uri_fault(operator.uri, user=True)):
            yield (*path, "uri"), words
        if operator.deputy == operator.id:
            yield (*path, "deputy"), "is the operator itself; name another one"


def _callback(tables: Tables, folder: Path) -> Found:
    if tables.callback is None:
        return
    for at, number in enumerate(tables.callback.numbers):
        yield from _number(("callback", "numbers", at), number)


def _voice(tables: Tables, folder: Path) -> Found:
    if tables.voice is None:
        return
    keys = tables.voice.keys
    meanings = (("repeat", keys.repeat), ("seen", keys.seen), ("operator", keys.operator), ("stop", keys.stop))
    yield from _twice(
        [(("voice", "keys", name), key) for name, key in meanings], "has two meanings; choose another key"
    )


def _smscs(tables: Tables, folder: Path) -> Found:
    names = [(("smsc", at, "name"), name) for at, name in tables.said("smsc", "name")]
    yield from _twice(names, "names two SMSCs; choose another name")
    for at, smsc in tables.smscs:
        if words := host_fault(smsc.host):
            yield ("smsc", at, "host"), words
        if smsc.reply_number is not None:
            yield from _number(("smsc", at, "reply_number"), smsc.reply_number)
        if smsc.test_number is not None:
            yield from _number(("smsc", at, "test_number"), smsc.test_number)
        if not re.fullmatch(r"\+?\d{3,15}", smsc.source) and len(smsc.source) > 11:
            yield ("smsc", at, "source"), "is a name of more than 11 characters, which phones cannot show; shorten it"
        if smsc.national_tables and (smsc.alphabet != "gsm7" or smsc.long_messages != "udh"):
            words = (
                'needs alphabet = "gsm7" and long_messages = "udh", since each message says in its header which it uses'
            )
            yield ("smsc", at, "national_tables"), f"{words}; leave it out"


def _speech(tables: Tables, folder: Path) -> Found:
    if tables.speech is None:
        return
    if tables.speech.engine == "piper":
        voices: dict[KeyPath, str] = {("speech", "voice"): tables.speech.voice}
        voices |= {("speech", "voices", language): voice for language, voice in tables.speech.voices.items()}
        for path, voice in voices.items():
            yield from _piper_voice(path, folder / voice)
    if tables.speech.lexicon is not None:
        yield from _lexicon(folder / tables.speech.lexicon)


def _piper_voice(path: KeyPath, file: Path) -> Found:
    beside = file.with_name(f"{file.name}.json")
    if not file.is_file():
        yield path, f"names {file}, which is no file; write a Piper voice's path"
    elif not beside.is_file():
        yield path, f"names {file}, beside which {beside.name} is missing; fetch the two together"


def _lexicon(file: Path) -> Found:
    path: KeyPath = ("speech", "lexicon")
    if not file.is_file():
        yield path, f"names {file}, which is no file; make it with the one line written,spoken,kind,ipa"
        return
    try:
        lexicon.read(file)
    except (OSError, lexicon.BadLexicon) as error:
        yield path, str(error)


def _quiet(tables: Tables, folder: Path) -> Found:
    if tables.quiet is None:
        return
    try:
        ZoneInfo(tables.quiet.timezone)
    except (OSError, ValueError, LookupError):
        yield ("quiet", "timezone"), f'is {tables.quiet.timezone!r}; write a known one, as in "Europe/Amsterdam"'
    if tables.quiet.from_ == tables.quiet.to:
        yield ("quiet", "to"), "is the same as from; leave [quiet] out for no quiet hours"


_CHECKS: tuple[Callable[[Tables, Path], Found], ...] = (
    _database,
    _http,
    _sip,
    _rtp,
    _trunks,
    _operators,
    _callback,
    _voice,
    _smscs,
    _speech,
    _quiet,
)


def _twice(values: Sequence[tuple[KeyPath, str]], words: str) -> Found:
    counted = Counter(value for _, value in values)
    seen: set[str] = set()
    for path, value in values:
        if counted[value] > 1 and value in seen:
            yield path, f"{value!r} {words}"
        seen.add(value)


def _number(path: KeyPath, text: str) -> Found:
    try:
        read(text)
    except NumberFault as fault:
        yield path, str(fault)


def _networks(path: KeyPath, networks: tuple[str, ...]) -> Found:
    for at, network in enumerate(networks):
        try:
            ipaddress.ip_network(network)
        except ValueError:
            yield (*path, at), f'{network!r} is no network; write it as "10.1.0.0/16", without host bits'


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
