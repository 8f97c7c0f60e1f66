"""Tokens, sessions and the table of who may do what."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from foundation.clock import Monotonic
from gateway.http.access import EVERYONE, SESSION_SECONDS, Person, Sessions, Tokens
from gateway.http.actions import ActionCalls
from gateway.http.routes import Route
from gateway.settings import TokenSettings
from tests.unit.http.recording_engine import RecordingEngine

TOKENS = Tokens(
    (
        TokenSettings(name="anna", role="operator", secret="één-secret"),  # type: ignore[arg-type]  # pydantic makes it
        TokenSettings(name="rob", role="reader", secret="other"),  # type: ignore[arg-type]  # as above
    )
)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Bearer één-secret", "anna"),
        ("bearer  other", "rob"),
        ("Basic other", None),
        ("Bearer", None),
        ("Bearer othe", None),
        ("Bearer other2", None),
        ("other", None),
        ("", None),
        (None, None),
    ],
)
def test_a_bearer_token(header: str | None, name: str | None) -> None:
    person = TOKENS.bearer(header)
    assert (person.name if person else None) == name


def sessions() -> Sessions:
    numbers = count()
    return Sessions(lambda: f"text-{next(numbers)}")


def test_a_session_ends_after_a_shift() -> None:
    held = sessions()
    cookie = held.open(Person("anna", "operator"), Monotonic(100.0))
    found = held.find(cookie, Monotonic(100.0 + SESSION_SECONDS - 1))
    assert found is not None
    assert (found.person.name, found.csrf) == ("anna", "text-1")
    assert held.find(cookie, Monotonic(100.0 + SESSION_SECONDS)) is None
    assert held.find("text-9", Monotonic(100.0)) is None


def test_sessions_are_bounded() -> None:
    held = sessions()
    cookies = [held.open(Person("anna", "operator"), Monotonic(0.0)) for _ in range(1001)]
    assert held.find(cookies[0], Monotonic(1.0)) is None
    assert held.find(cookies[-1], Monotonic(1.0)) is not None
    held.clear()
    assert held.find(cookies[-1], Monotonic(1.0)) is None


def test_only_operators_see_whole_numbers() -> None:
    assert [role for role in sorted(EVERYONE) if Person("x", role).sees_numbers] == ["operator"]


def test_whoever_looks_only_can_change_no_action(tmp_path: Path) -> None:
    routes: list[Route] = ActionCalls(RecordingEngine(tmp_path)).routes()
    for route in routes:
        assert route.roles is not None
        assert ("reader" in route.roles) is (route.method == "GET"), route.path
