"""The API's description is made from the routes, and names every call of the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from gateway.http.actions import ActionCalls
from gateway.http.console import templates
from gateway.http.describe import DescribeCalls, openapi
from gateway.http.reports import CallerCalls, DeskCalls, PeerCalls
from tests.unit.http.recording_engine import RecordingEngine


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    engine = RecordingEngine(tmp_path)
    groups = (ActionCalls(engine), CallerCalls(engine), DeskCalls(engine), PeerCalls(list, list))
    return openapi([route for group in groups for route in group.routes()])


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(inner) for inner in value.values()))
    return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()


def test_it_is_openapi_with_every_reference_resolved(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known
    json.dumps(document)


def test_it_names_the_contracts_calls(document: dict[str, Any]) -> None:
    calls = {f"{method.upper()} {path}" for path, found in document["paths"].items() for method in found}
    for call in (
        "POST /api/v1/actions/estimate",
        "POST /api/v1/actions",
        "PUT /api/v1/actions/{action}/recording",
        "GET /api/v1/actions/{action}/audio.wav",
        "POST /api/v1/actions/{action}/start",
        "GET /api/v1/actions/{action}/deliveries",
        "PATCH /api/v1/actions/{action}",
        "POST /api/v1/actions/{action}/close",
        "GET /api/v1/tips/{tip}/audio.wav",
        "PATCH /api/v1/operators/{desk}",
        "GET /api/v1/smscs",
    ):
        assert call in calls


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    identifiers = [found["operationId"] for path in document["paths"].values() for found in path.values()]
    assert len(identifiers) == len(set(identifiers))


def test_what_it_says_of_a_body_refuses_what_the_api_refuses(document: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/ActionBody", "components": document["components"]}
    body = {
        "kind": "theft",
        "title": "t",
        "message": "m",
        "area": {"municipality": "Zeist"},
        "channels": ["sms"],
        "owner": "desk-7",
    }
    assert jsonschema_rs.is_valid(schema, body)
    assert not jsonschema_rs.is_valid(schema, {**body, "area": {}})
    assert not jsonschema_rs.is_valid(schema, {**body, "channels": []})
    assert not jsonschema_rs.is_valid(schema, {**body, "titel": "t"})


def test_the_page_reads_without_scripts(tmp_path: Path) -> None:
    routes = ActionCalls(RecordingEngine(tmp_path)).routes()
    pages = DescribeCalls(routes, templates()).routes()
    assert [route.path for route in pages] == ["/api/v1/openapi.json", "/api/v1/docs", "/openapi.json", "/docs"]
    page = templates().get_template("docs.html").render(document=openapi(routes))
    assert "<script" not in page
    assert "/api/v1/actions/{action}/close" in page
