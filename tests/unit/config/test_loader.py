"""A configuration is read whole, or every fault in it is told at once with its line and what to write instead."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from config.document import Configuration
from config.faults import ConfigurationFaults
from config.loader import load

SHIPPED = Path(__file__).parents[3] / "config" / "gateway.toml"

SMALL = """\
[gateway]
node = "gw1"
database = "sqlite:///var/burgernet.db"
[http]
listen = "tcp:8080:interface=127.0.0.1"
[[http.token]]
name = "anna"
role = "operator"
secret = "s3cret"
[sip]
listen = ["udp:5060:interface=127.0.0.1"]
[[trunk]]
name = "kpn"
proxy = "sip:127.0.0.1:5070;transport=udp"
caller_id = "+31343529850"
[[operator]]
id = "desk-7"
name = "Oost 7"
room = "oost"
uri = "sip:desk-7@127.0.0.1:5080"
[callback]
default_room = "oost"
numbers = ["08000011"]
[[smsc]]
name = "main"
host = "127.0.0.1"
port = 2775
system_id = "burgernet"
password = "p"
"""


def read(folder: Path, source: str) -> Configuration:
    file = folder / "gateway.toml"
    file.write_text(source, "utf-8")
    return load(file)


def faults(folder: Path, source: str) -> list[str]:
    """Each as `line field: words`."""
    with pytest.raises(ConfigurationFaults) as raised:
        read(folder, source)
    return [f"{fault.line} {fault.field}: {fault.words}" for fault in raised.value.faults]


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) == 1, f"{old!r} must stand in the source once"
    return SMALL.replace(old, new)


def test_the_shipped_file_is_right() -> None:
    configuration = load(SHIPPED)
    assert [trunk.name for trunk in configuration.trunks] == ["lab"]
    assert configuration.gateway.database == f"sqlite:///{SHIPPED.parent}/var/burgernet.db"
    assert configuration.speech.cache == SHIPPED.parent / "var/prompts"


def test_every_commented_default_of_the_shipped_file_is_a_known_key(tmp_path: Path) -> None:
    """What stands behind `# ` may be switched on by an engineer: it must be spelled right."""
    unwanted = ("username", "password_file", "lexicon", "register", "dial_format", "[", "advertise")
    lines = []
    for line in SHIPPED.read_text("utf-8").splitlines():
        bare = line.removeprefix("# ")
        key = bare.split(" = ")[0]
        switched = line.startswith("# ") and " = " in bare and key.isidentifier() and not key.startswith(unwanted)
        lines.append(bare if switched and key not in ("from", "to", "timezone") else line)
    configuration = read(tmp_path, "\n".join(lines))
    assert configuration.voice.attempts == 3
    assert configuration.smscs[0].reply_number == "+3197012345678"
    assert configuration.trunks[0].identity == "pai"


def test_defaults_are_the_contracts(tmp_path: Path) -> None:
    configuration = read(tmp_path, SMALL)
    assert configuration.quiet is None
    assert configuration.trunks[0].channels == 200
    assert configuration.trunks[0].reserve == 10
    assert configuration.voice.retry_minutes.no_answer == 5
    assert configuration.retention.recipients_days == 7


def test_fractions_and_aliases(tmp_path: Path) -> None:
    source = changed('caller_id = "+31343529850"', 'caller_id = "0343-529850"\nregister = false')
    source += '[voice]\nretry_minutes = { busy = 0.5 }\n[quiet]\nfrom = "22:30"\nto = 07:00:00\n'
    configuration = read(tmp_path, source)
    assert configuration.voice.retry_minutes.busy == 0.5
    assert configuration.quiet is not None
    assert (configuration.quiet.from_, configuration.quiet.to) == (time(22, 30), time(7))


def test_a_snapshot_never_changes(tmp_path: Path) -> None:
    configuration = read(tmp_path, SMALL)
    with pytest.raises(AttributeError):
        configuration.trunks = ()  # type: ignore[misc]  # the point of the test


def test_every_fault_at_once_with_its_line(tmp_path: Path) -> None:
    source = SMALL.replace('node = "gw1"', 'nodde = "gw1"').replace("2775", '"2775"').replace("5070", "99999")
    assert faults(tmp_path, source) == [
        '1 gateway.node: is missing; write node = "gw1"',
        "2 gateway.nodde: is an unknown key; did you mean 'node'?",
        "14 trunk[0].proxy: has port 99999; write one from 1 to 65535",
        "27 smsc[0].port: is '2775'; write port = 2775",
    ]


UNKNOWN_AND_MISTYPED = [
    ('node = "gw1"', 'node = "gw 1"', "2 gateway.node: is 'gw 1'; write up to 32 letters"),
    (
        'role = "operator"',
        'role = "boss"',
        "8 http.token[0].role: may be 'operator', 'engineer' or 'reader', not 'boss'",
    ),
    ("[[trunk]]", "[trunk]", "12 trunk: is one table or value; write [[trunk]] with double brackets"),
    ("port = 2775", "port = 70000", "27 smsc[0].port: is 70000; write a number at most 65535"),
    ("port = 2775", "port = 2775.5", "27 smsc[0].port:"),
    ("port = 2775", "port = 2775\ntls = 1", "28 smsc[0].tls: is 1; write true or false, without quotes"),
    ("[[smsc]]", "[[smcs]]", "24 smcs: is an unknown key; did you mean 'smsc'?"),
    (
        'name = "kpn"',
        'name = "kpn"\nregister_ = true',
        "14 trunk[0].register_: is an unknown key; did you mean 'register'?",
    ),
    ('name = "kpn"', 'name = "kpn"\nsrtp = "on"', "14 trunk[0].srtp: may be 'off', 'optional' or 'required'"),
    ('name = "kpn"', 'name = "kpn"\nchannels = inf', "14 trunk[0].channels: is inf; write a finite number"),
    ('name = "kpn"', 'name = "kpn"\ncodecs = ["PCMA", "G729"]', "14 trunk[0].codecs[1]: may be"),
]


@pytest.mark.parametrize(("old", "new", "told"), UNKNOWN_AND_MISTYPED)
def test_an_unknown_or_mistyped_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    found = faults(tmp_path, changed(old, new))
    assert any(fault.startswith(told) for fault in found), found


BETWEEN_TABLES = [
    ('"sqlite:///var/burgernet.db"', '"mysql://x/y"', "gateway.database: is 'mysql://x/y'; write \"sqlite:///"),
    ('"sqlite:///var/burgernet.db"', '"sqlite:///:memory:"', "gateway.database: keeps nothing over a restart"),
    ('"tcp:8080:interface=127.0.0.1"', '"tcpp:80"', "http.listen: is 'tcpp:80', which is no endpoint"),
    ('"tcp:8080:interface=127.0.0.1"', '"tcp:99999"', "http.listen: has port '99999'"),
    ('"tcp:8080:interface=127.0.0.1"', '"ssl:8443:privateKey=a.pem"', "http.listen: has privateKey=a.pem, but"),
    ('"udp:5060:interface=127.0.0.1"', '"sctp:5060"', "sip.listen[0]: 'sctp' is no transport; write udp:5060"),
    (
        '"udp:5060:interface=127.0.0.1"',
        '"udp:5060:interfaec=::1"',
        "sip.listen[0]: 'interfaec=' is not one of interface=",
    ),
    ('"udp:5060:interface=127.0.0.1"', '"tls:5061"', "sip.listen[0]: tls needs certificate=FILE and key=FILE"),
    (
        '"udp:5060:interface=127.0.0.1"',
        '"tls:5061:certificate=c.pem:key=k.pem"',
        "sip.listen[0]: has certificate=c.pem",
    ),
    ('"+31343529850"', '"call me"', "trunk[0].caller_id: 'call me' is not a telephone number"),
    ('["08000011"]', '["08000011", "12"]', "callback.numbers[1]: '12' is not a telephone number"),
    ('["08000011"]', "[]", "callback.numbers: holds too little; write at least 1"),
    ('name = "kpn"', 'name = "kpn"\nallow_from = ["10.0.0.1/8"]', "trunk[0].allow_from[0]: '10.0.0.1/8' is no network"),
    (
        'name = "kpn"',
        'name = "kpn"\ntest_number = "112"',
        "trunk[0].test_number: the emergency number is never dialled",
    ),
    ('name = "kpn"', 'name = "kpn"\ntest_number = "0800-0011"', "trunk[0].test_number: a free 0800 number is never"),
    ('name = "kpn"', 'name = "kpn"\ntest_number = "echo"', "trunk[0].test_number: 'echo' is not a telephone number"),
    ('name = "kpn"', 'name = "kpn"\nregister = true', "trunk[0].register: needs username and password"),
    ('name = "kpn"', 'name = "kpn"\npassword = "x"', "trunk[0].username: is missing beside the password"),
    (
        'name = "kpn"',
        'name = "kpn"\nprivacy = "id"\nidentity = "none"',
        "trunk[0].privacy: speaks of the number in identity",
    ),
    (
        'name = "kpn"',
        'name = "kpn"\nchannels = 5\nreserved_for_callbacks = 5',
        "trunk[0].reserved_for_callbacks: leaves",
    ),
    ('uri = "sip:desk-7@127.0.0.1:5080"', "", "operator[0]: needs uri"),
    ('uri = "sip:desk-7@127.0.0.1:5080"', 'uri = "desk-7"', "operator[0].uri: is 'desk-7', which is no SIP URI"),
    ('uri = "sip:desk-7@127.0.0.1:5080"', 'uri = "sip:127.0.0.1"', "operator[0].uri: names nobody at 127.0.0.1"),
    ('name = "Oost 7"', 'name = "Oost 7"\npassword = "x"', "operator[0].password: stands beside uri"),
    ('name = "Oost 7"', 'name = "Oost 7"\ndeputy = "desk-7"', "operator[0].deputy: is the operator itself"),
    ('name = "main"', 'name = "main"\nreply_number = "x"', "smsc[0].reply_number: 'x' is not a telephone number"),
    ('name = "main"', 'name = "main"\nsource = "Burgernet Politie"', "smsc[0].source: is a name of more than 11"),
    ('host = "127.0.0.1"', 'host = "127.0.0"', "smsc[0].host: is '127.0.0', which is no host"),
    ("[[smsc]]", '[rtp]\nports = "5000-5100"\n[[smsc]]', "rtp.ports: holds 5060, where SIP listens"),
    ("[[smsc]]", '[rtp]\nports = "3000-2000"\n[[smsc]]', "rtp.ports: is '3000-2000'; write a range"),
    ("[[smsc]]", '[rtp]\naddress = "host"\n[[smsc]]', "rtp.address: is 'host'; write an IP address"),
    ("[[smsc]]", '[quiet]\nfrom = "22:00"\nto = "22:00"\n[[smsc]]', "quiet.to: is the same as from"),
    ("[[smsc]]", '[quiet]\nfrom = "22:00"\nto = "7"\n[[smsc]]', "quiet.to: is '7'; write to = \"07:00\""),
    ("[[smsc]]", '[quiet]\nfrom = "22:00"\nto = "07:00"\ntimezone = "Zeist"\n[[smsc]]', "quiet.timezone: is 'Zeist'"),
    ("[[smsc]]", "[retention]\ntips_hours = 0\n[[smsc]]", "retention.tips_hours: is 0; write a number above 0"),
    ("[[smsc]]", '[voice]\nkeys = { repeat = "2" }\n[[smsc]]', "voice.keys.seen: '2' has two meanings"),
    ("[[smsc]]", '[speech]\nengine = "piper"\nvoice = "nl.onnx"\n[[smsc]]', "speech.voice: names"),
]


@pytest.mark.parametrize(("old", "new", "told"), BETWEEN_TABLES)
def test_what_no_single_table_can_know(tmp_path: Path, old: str, new: str, told: str) -> None:
    found = faults(tmp_path, changed(old, new))
    assert len(found) == 1, found
    assert found[0].split(" ", 1)[1].startswith(told), found


TWICE = [
    ('\n[[trunk]]\nname = "kpn"\nproxy = "sip:10.0.0.1"\ncaller_id = "0343529850"\n', "trunk[1].name"),
    ('\n[[operator]]\nid = "desk-7"\nname = "x"\nroom = "oost"\npassword = "x"\n', "operator[1].id"),
    ('\n[[http.token]]\nname = "anna"\nrole = "reader"\nsecret = "other"\n', "http.token[1].name"),
    ('\n[[http.token]]\nname = "bob"\nrole = "reader"\nsecret = "s3cret"\n', "http.token[1].secret"),
    ('\n[[smsc]]\nname = "main"\nhost = "h"\nport = 1\nsystem_id = "x"\npassword = "y"\n', "smsc[1].name"),
]


@pytest.mark.parametrize(("more", "field"), TWICE)
def test_a_name_that_stands_twice(tmp_path: Path, more: str, field: str) -> None:
    found = faults(tmp_path, SMALL + more)
    assert [fault.split(" ")[1] for fault in found] == [f"{field}:"]


def test_a_faulty_table_is_still_checked_against_the_others(tmp_path: Path) -> None:
    source = changed('caller_id = "+31343529850"', 'caller_id = "x"\nchannels = "many"')
    assert [fault.split(":")[0] for fault in faults(tmp_path, source)] == [
        "15 trunk[0].caller_id",
        "16 trunk[0].channels",
    ]


def test_desks_and_lines_may_come_later(tmp_path: Path) -> None:
    """Desks are added by the API too, and a daemon without a line still takes drafts."""
    source = SMALL.replace('name = "Oost 7"', 'name = "Oost 7"\ndeputy = "desk-9"')
    configuration = read(tmp_path, source.replace('room = "oost"\nuri', 'room = "west"\nuri'))
    assert configuration.operators[0].deputy == "desk-9"
    assert configuration.callback.default_room == "oost"


def test_a_secret_in_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "anna.token").write_text("from-the-file\n")
    configuration = read(tmp_path, changed('secret = "s3cret"', 'secret_file = "anna.token"'))
    assert configuration.http.token[0].secret.get_secret_value() == "from-the-file"


SECRET_FILES = [
    ('secret_file = "nowhere"', "which cannot be read (No such file or directory)"),
    ('secret_file = "."', "which cannot be read (Is a directory)"),
    ('secret_file = "empty"', "which is empty"),
    ('secret_file = "binary"', "which cannot be read (not a UTF-8 text)"),
    ("secret_file = 5", "is no file name"),
    ('secret = "s"\nsecret_file = "good"', "stands beside 'secret'; keep one"),
]


@pytest.mark.parametrize(("written", "told"), SECRET_FILES)
def test_a_secret_file_that_cannot_be_used(tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "good").write_text("x")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    found = faults(tmp_path, changed('secret = "s3cret"', written))
    assert len(found) == 1
    assert "http.token[0].secret_file" in found[0]
    assert told in found[0]


def test_no_secret_is_printed(tmp_path: Path) -> None:
    assert "s3cret" not in repr(read(tmp_path, SMALL))
    source = changed('secret = "s3cret"', 'secret = "s3cret"\nseecret = "s3cret"')
    assert not any("s3cret" in fault for fault in faults(tmp_path, source))


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("x")
    source = changed('"udp:5060:interface=127.0.0.1"', '"tls:5061:certificate=c.pem:key=k.pem"')
    configuration = read(tmp_path, source)
    assert configuration.sip.listen == (f"tls:5061:certificate={tmp_path}/c.pem:key={tmp_path}/k.pem",)
    assert configuration.gateway.database == f"sqlite:///{tmp_path}/var/burgernet.db"
    absolute = read(tmp_path, changed("sqlite:///var", "sqlite:////srv"))
    assert absolute.gateway.database == "sqlite:////srv/burgernet.db"


BROKEN = [
    (b"[gateway\n", 1, "is not TOML"),
    (b'[gateway]\nnode = "a\n', 2, "is not TOML"),
    (b"[gateway]\nx = '\xff'\n", 2, "is not UTF-8"),
    (b"a = " + b"[" * 20_000, None, ""),
    (b"# " + b"x" * 1_000_001, None, "is larger than"),
]


@pytest.mark.parametrize(("data", "line", "told"), BROKEN, ids=["bracket", "string", "bytes", "depth", "size"])
def test_what_is_no_toml_at_all(tmp_path: Path, data: bytes, line: int | None, told: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigurationFaults) as raised:
        load(file)
    assert len(raised.value.faults) == 1
    assert told in raised.value.faults[0].words
    assert line is None or raised.value.faults[0].line == line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFaults, match="cannot be read"):
        load(tmp_path / "none.toml")
