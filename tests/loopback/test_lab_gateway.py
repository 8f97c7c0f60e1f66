"""The lab's view of the gateway: a child process that may fail, and then says why."""

from pathlib import Path

import pytest

from lab.demo import main
from lab.gateway import Gateway, GatewayFailed


def test_a_daemon_that_ends_by_itself_is_told_with_its_reason(tmp_path: Path) -> None:
    configuration = tmp_path / "gateway.toml"
    configuration.write_text("[gateway]\nnode = 1\nwhatever = 2\n")
    gateway = Gateway(configuration, "http://127.0.0.1:9", "secret")
    with pytest.raises(GatewayFailed, match=r"(?s)ended by itself \(exit code 1\).*whatever"):
        gateway.start(30)
    gateway.stop()


def test_an_api_that_does_not_answer_is_told(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "gateway.toml", "http://127.0.0.1:9", "secret")
    with pytest.raises(GatewayFailed, match="GET /api/v1/actions"):
        gateway.ask("GET", "/actions")
    gateway.stop()


def test_a_town_that_cannot_be_read_ends_the_demo_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    town = tmp_path / "town.toml"
    town.write_text('[[person]]\nname = "Anna"\nhobby = "chess"\n')
    assert main(["--headless", "--once", "--town", str(town)]) == 1
    assert "Anna" in capsys.readouterr().out
