"""The commands that talk to a daemon, against a real one over a socket: what they print, and their exit codes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_twisted
from click.testing import CliRunner, Result
from twisted.internet.threads import deferToThread

from foundation.clock import saved
from gateway.cli import burgernet
from gateway.domain.identifiers import ActionId
from ivr.call import TrunkStatus
from sms.events import SmscStatus
from tests.loopback.http_client import Served

NEW = ("action", "new", "--kind", "burglary", "--title", "Inbraak", "--message", "Let op.", "--owner", "desk-7")


@pytest_twisted.async_yield_fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    for name in ("BURGERNET_URL", "BURGERNET_TOKEN", "BURGERNET_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    served = Served(tmp_path)
    await served.start()
    yield served
    await served.stop()


async def run(api: Served, *arguments: str, who: str = "anna") -> Result:
    given = [*arguments, "--url", api.url, "--token", f"{who}-secret"]
    result = await deferToThread(CliRunner().invoke, burgernet, given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest_twisted.ensureDeferred
async def test_an_action_from_a_terminal(api: Served) -> None:
    made = await run(api, *NEW, "--circle", "52.09,5.12,1000", "--start", "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.output)["state"] == "active"
    shown = await run(api, "action", "show", "a1")
    assert "heard_confirmed" in shown.output
    assert "50 % reached after 12 s" in shown.output
    listed = await run(api, "action", "list", "--state", "active")
    assert "Inbraak" in listed.output
    closed = await run(api, "action", "close", "a1", "--outcome", "unsolved")
    assert (closed.exit_code, "closing" in closed.output) == (0, True)


AREAS = [
    (("--postcodes", "3511, 3512AB"), {"postcodes": ["3511", "3512AB"]}),
    (("--municipality", "Zeist"), {"municipality": "Zeist"}),
    (("--circle", "52,5,10.5"), {"circle": {"lat": 52.0, "lon": 5.0, "radius_m": 10.5}}),
]


@pytest.mark.parametrize(("options", "area"), AREAS)
@pytest_twisted.ensureDeferred
async def test_areas(api: Served, options: tuple[str, ...], area: object) -> None:
    made = await run(api, *NEW, *options, "--json")
    assert json.loads(made.output)["area"] == area


@pytest_twisted.ensureDeferred
async def test_a_polygon_from_a_file(api: Served, tmp_path: Path) -> None:
    file = tmp_path / "area.json"
    polygon = {"type": "Polygon", "coordinates": [[[5, 52], [6, 52], [6, 53], [5, 52]]]}
    with file.open("w") as stream:
        json.dump(polygon, stream)
    made = await run(api, *NEW, "--polygon", str(file), "--json")
    assert json.loads(made.output)["area"]["polygon"]["type"] == "Polygon"
    missing = await run(api, *NEW, "--polygon", str(tmp_path / "none.json"))
    assert (missing.exit_code, "no readable GeoJSON file" in missing.output) == (1, True)


WRONG = [
    ((*NEW,), 2, "give exactly one of --circle"),
    ((*NEW, "--circle", "52,5"), 2, "write LAT,LON,METRES"),
    ((*NEW, "--postcodes", "12"), 1, "#/area/postcodes/0"),
    (("action", "start", "a9"), 1, "there is no action a9"),
    (("trunk", "test", "vodafone"), 1, "there is no 'vodafone' in the daemon's configuration; it has kpn"),
    (("calls", "export", "--from", "yesterday"), 2, "write it as 2026-11-01"),
    (("calls", "export", "--from", "2026-11-02", "--to", "2026-11-01T12:00"), 2, "--to lies before --from"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG)
@pytest_twisted.ensureDeferred
async def test_what_goes_wrong_is_one_sentence(api: Served, arguments: tuple[str, ...], code: int, words: str) -> None:
    result = await run(api, *arguments)
    assert result.exit_code == code
    assert words in result.output
    assert "Traceback" not in result.output


@pytest_twisted.ensureDeferred
async def test_a_wrong_token_and_a_wrong_role(api: Served) -> None:
    nobody = await run(api, "status", who="nobody")
    assert (nobody.exit_code, "Send a token of the configuration" in nobody.output) == (1, True)
    reader = await run(api, "action", "start", "a1", who="rob")
    assert (reader.exit_code, "rob has the role reader" in reader.output) == (1, True)


@pytest_twisted.ensureDeferred
async def test_status_of_everything(api: Served) -> None:
    await run(api, *NEW, "--municipality", "Zeist", "--start")
    result = await run(api, "status")
    assert result.exit_code == 0
    for words in ("kpn", "12/50", "main", "4/50", "Inbraak", "voice heard 70", "no call is up"):
        assert words in result.output


@pytest_twisted.ensureDeferred
async def test_trunk_and_smsc_tests_fail_when_they_are_down(api: Served) -> None:
    assert (await run(api, "trunk", "test", "kpn")).exit_code == 0
    assert (await run(api, "smsc", "test", "main")).exit_code == 0
    api.trunks[:] = [TrunkStatus("kpn", "down", 50, 0, 0, 3, 20.0, "403 Forbidden")]
    down = await run(api, "trunk", "test", "kpn")
    assert (down.exit_code, "trunk kpn is down: 403 Forbidden" in down.output) == (1, True)


@pytest_twisted.ensureDeferred
async def test_status_tells_how_the_daily_test_call_went(api: Served) -> None:
    at = saved(datetime(2026, 11, 1, 7, 30, tzinfo=UTC))
    well = TrunkStatus("kpn", "up", 50, 0, 0, 3, 20.0, tested_at=at)
    api.trunks[:] = [well, replace(well, name="voda", test_fault="nobody answered"), replace(well, tested_at=None)]
    output = (await run(api, "status")).output
    assert "ok" in output
    assert "fault" in output
    assert output.count("ok") == 1


@pytest_twisted.ensureDeferred
async def test_call_records_as_csv(api: Served, tmp_path: Path) -> None:
    result = await run(api, "calls", "export", "--from", "2026-11-01", "--to", "2026-12-01T00:00+01:00")
    rows = list(csv.DictReader(io.StringIO(result.output)))
    assert len(rows) == 2
    assert (rows[0]["phone"], rows[0]["seconds"], rows[0]["q850_cause"]) == ("+31612345678", "12.5", "16")
    begin = next(asked[4] for asked in api.engine.asked if asked[0] == "calls")
    assert str(begin).startswith(("2026-11-01", "2026-10-31"))
    written = await run(api, "calls", "export", "-o", str(tmp_path / "calls.csv"))
    assert "2 calls written" in written.output
    refused = await run(api, "calls", "export", "-o", str(tmp_path / "no" / "calls.csv"))
    assert (refused.exit_code, "can't be written" in refused.output) == (1, True)


@pytest_twisted.ensureDeferred
async def test_an_import_reports_each_refused_row(api: Served, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"phone,postcode\n0612345678,3511AB\n112,3511AB\n")
    result = await run(api, "participants", "import", str(file), "--dry-run")
    assert result.exit_code == 1
    assert "line 3: phone: 112 is never dialled" in result.output
    assert "1 of 2 rows would be imported, 1 refused" in result.output
    counted = await run(api, "participants", "count")
    assert counted.output.strip() == "4000"


@pytest_twisted.ensureDeferred
async def test_an_import_of_which_nothing_can_be_taken_fails(api: Served, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"phone,postcode\n112,3511AB\n")
    result = await run(api, "participants", "import", str(file))
    assert (result.exit_code, "no row could be taken" in result.output) == (1, True)
    missing = await run(api, "participants", "import", str(tmp_path / "none.csv"))
    assert (missing.exit_code, "is no file" in missing.output) == (1, True)


@pytest_twisted.ensureDeferred
async def test_url_and_token_from_the_environment_and_the_configuration(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.config.test_loader import SMALL

    monkeypatch.setenv("BURGERNET_URL", api.url)
    monkeypatch.setenv("BURGERNET_TOKEN", "rob-secret")
    result = await deferToThread(CliRunner().invoke, burgernet, ["participants", "count"])
    assert (result.exit_code, result.output.strip()) == (0, "4000")
    monkeypatch.delenv("BURGERNET_URL")
    monkeypatch.delenv("BURGERNET_TOKEN")
    file = tmp_path / "gateway.toml"
    source = SMALL.replace("tcp:8080", f"tcp:{api.port}").replace("s3cret", "anna-secret")
    file.write_bytes(source.encode())
    for arguments in (["-c", str(file), "status"], ["status", "-c", str(file)]):
        assert (await deferToThread(CliRunner().invoke, burgernet, arguments)).exit_code == 0
    api.engine.saved.pop(ActionId("a1"), None)


@pytest_twisted.ensureDeferred
async def test_no_daemon_there() -> None:
    given = ["status", "--url", "http://127.0.0.1:9", "--token", "x"]
    result = await deferToThread(CliRunner().invoke, burgernet, given)
    assert result.exit_code == 1
    assert "no daemon answers at http://127.0.0.1:9; start it with `burgernet run -c FILE`" in result.output


@pytest_twisted.ensureDeferred
async def test_a_last_day_of_an_export_is_within(api: Served) -> None:
    await run(api, "calls", "export", "--from", "2026-11-03", "--to", "2026-11-03")
    begin, end = next(asked[4:6] for asked in api.engine.asked if asked[0] == "calls")
    assert isinstance(begin, datetime)
    assert isinstance(end, datetime)
    assert end - begin == timedelta(days=1)


@pytest_twisted.ensureDeferred
async def test_what_only_a_bind_tells_is_left_open_without_one(api: Served) -> None:
    api.smscs[:] = [SmscStatus("main", "refused", 50, 0, None)]
    shown = (await run(api, "status")).output
    assert "no limit" not in shown
    assert "–" in next(line for line in shown.splitlines() if "refused" in line)
