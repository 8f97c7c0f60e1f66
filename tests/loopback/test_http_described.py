"""The API against its own description: schemathesis makes requests from openapi.json, and none may break the service."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.loopback.http_client import ACTION, Served

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"


@pytest_twisted.async_yield_fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    await served.start()
    yield served
    await served.stop()


@pytest_twisted.ensureDeferred
async def test_every_answer_is_as_it_is_described(api: Served, tmp_path: Path) -> None:
    await api.ask("POST", "actions", body=ACTION)
    command = [
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{api.url}/openapi.json",
        "--header=Authorization: Bearer anna-secret",
        "--exclude-path=/api/v1/events",
        "--phases=examples,coverage,fuzzing",
        "--max-examples=5",
        "--seed=1",
        f"--checks={CHECKS}",
        "--no-color",
    ]
    done = await deferToThread(
        subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
