"""The command line without a daemon: the shared options, exit codes, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import burgernet
from gateway.commands.invocation import CommandFailed, url_of
from gateway.store.database import open_database
from tests.unit.config.test_loader import SMALL

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "config" / "gateway.toml"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BURGERNET_URL", "BURGERNET_TOKEN", "BURGERNET_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(burgernet, arguments)


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: what needs a reactor, and the outermost shell."""
    environment = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    # Port 9 (discard) has no listener: no daemon is found, so the database is used.
    file.write_text(SMALL.replace("tcp:8080", "tcp:9"))
    return file


def test_every_command_of_the_contract_is_there() -> None:
    assert set(burgernet.commands) == {
        "run", "check-config", "demo", "participants", "action", "trunk", "say", "calls", "status", "smsc"
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [("-c", str(SHIPPED), "check-config"), ("check-config", "-c", str(SHIPPED))])
def test_the_configuration_may_stand_before_and_after(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, "is right: 1 trunk, 1 SMSC, 2 operators, 3 tokens" in result.output) == (0, True)


def test_the_configuration_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BURGERNET_CONFIG", str(SHIPPED))
    assert run("check-config").exit_code == 0
    assert run("check-config", "-c", str(tmp_path / "other.toml")).exit_code == 1


def test_faults_are_all_told_and_nothing_is_started(tmp_path: Path) -> None:
    file = tmp_path / "faulty.toml"
    file.write_text(SMALL.replace("node", "nod").replace("2775", "0"))
    for command in ("check-config", "run"):
        result = run(command, "-c", str(file))
        assert result.exit_code == 1
        lines = result.output.splitlines()
        assert len(lines) == 3
        assert lines[2] == f"{file}:27: smsc[0].port: is 0; write a number at least 1"
    assert [path.name for path in tmp_path.iterdir()] == ["faulty.toml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check-config",), "name the configuration with -c FILE or BURGERNET_CONFIG"),
        (("status",), "say where the daemon is: --url or BURGERNET_URL"),
        (("status", "--url", "127.0.0.1:8080"), "write it as http://127.0.0.1:8080"),
        (("status", "--url", "http://127.0.0.1:9"), "say who asks: --token or BURGERNET_TOKEN"),
        (("say", "hallo"), "name a file with -o FILE.wav, or see the words with --show"),
        (("nothing",), "No such command"),
        (("trunk", "test"), "Missing argument"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, words in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("tcp:8080:interface=127.0.0.1", "http://127.0.0.1:8080"),
        ("tcp:port=8081", "http://127.0.0.1:8081"),
        ("tcp:8080:interface=0.0.0.0", "http://127.0.0.1:8080"),
        ("tcp6:8080:interface=\\:\\:1", "http://[::1]:8080"),
        ("ssl:8443:privateKey=k:certKey=c", "https://127.0.0.1:8443"),
    ],
)
def test_where_the_daemon_is_by_its_configuration(listen: str, url: str) -> None:
    assert url_of(listen) == url


def test_a_daemon_on_a_unix_socket_has_no_url() -> None:
    with pytest.raises(CommandFailed, match="give --url"):
        url_of("unix:/run/burgernet.sock")


def test_an_import_without_a_daemon_goes_into_the_database(small: Path) -> None:
    file = small.with_name("people.csv")
    file.write_text("phone,postcode\n0612345678,3511AB\n112,3511AB\n+31612345679,3512AB\n")
    taken = process("participants", "import", str(file), "-c", str(small))
    assert (taken.returncode, taken.stdout.splitlines()[-1]) == (1, "2 of 3 rows imported, 1 refused"), taken.stderr
    assert "mend the refused rows" in taken.stderr
    assert "line 3: phone: the emergency number is never dialled" in taken.stdout
    counted = process("participants", "count", "-c", str(small))
    assert (counted.returncode, counted.stdout) == (0, "2\n"), counted.stderr


def test_a_database_that_another_daemon_holds(small: Path) -> None:
    url = f"sqlite:///{small.parent}/var/burgernet.db"
    database = open_database(url, "gw1")
    try:
        result = process("participants", "count", "-c", str(small))
    finally:
        database.close()
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "burgernet.db" in result.stderr


def test_a_file_that_is_no_participants_csv(small: Path) -> None:
    result = process("participants", "import", str(small), "-c", str(small))
    assert result.returncode == 1
    assert "the header row has no column phone" in result.stderr
    assert "Traceback" not in result.stderr


def test_how_a_text_sounds(tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    result = process("say", "Bel 0800-0011.", "-o", str(file), "--show")
    assert result.returncode == 0, result.stderr
    assert "nul achthonderd, nul nul elf" in result.stdout
    with wave.open(str(file)) as sound:
        assert sound.getnframes() / sound.getframerate() > 1.0
    refused = process("say", "hallo", "-o", str(tmp_path / "no" / "said.wav"))
    assert (refused.returncode, "can't be written" in refused.stderr) == (1, True), refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments", [(), ("calls",), ("participants",)])
def test_a_group_alone_shows_its_help_and_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, "Commands:" in result.output) == (2, True)


def test_what_may_be_meant_otherwise_is_told_and_no_fault(small: Path) -> None:
    small.write_text(small.read_text().replace('default_room = "oost"', 'default_room = "west"'))
    result = run("check-config", "-c", str(small))
    assert (result.exit_code, "is right" in result.output) == (0, True)
    assert "warning: callback.default_room: no desk of this file is in 'west'" in result.output
