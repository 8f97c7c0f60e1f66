"""The API described: OpenAPI 3.1 made from the routes and their models, and a page to read it without internet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from apispec import APISpec
from jinja2 import Environment
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.http.answers import ProblemAnswer
from gateway.http.routes import Answered, Asked, Route, fixed

_REFERENCE = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"<(\w+)>")
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same key with the same body gives the same action again.",
}
_LAST_EVENT = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer"}}


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document, from the table that dispatch itself uses."""
    listed = [route for route in routes if route.path.startswith(("/api/", "/healthz", "/readyz", "/metrics"))]
    spec = APISpec(
        title="burgernet-gateway",
        version=_version(),
        openapi_version="3.1.0",
        info={
            "description": "Alerts by telephone and SMS, callers back to their operator.",
            "license": {"name": "EUPL-1.2"},
        },
    )
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    for name, schema in _schemas(listed).items():
        spec.components.schema(name, schema)
    for path in dict.fromkeys(route.path for route in listed):
        operations = {route.method.lower(): _operation(route) for route in listed if route.path == path}
        spec.path(path=_PARAMETER.sub(r"{\1}", path), operations=operations)
    document: dict[str, Any] = spec.to_dict()
    return document


def _models(routes: list[Route]) -> list[type[BaseModel]]:
    models: dict[type[BaseModel], None] = {ProblemAnswer: None}
    for route in routes:
        for model in (route.body, route.answer):
            if model is not None:
                models[model] = None
    return list(models)


def _schemas(routes: list[Route]) -> dict[str, Any]:
    bodies = {route.body for route in routes}
    modes = [(model, "validation" if model in bodies else "serialization") for model in _models(routes)]
    _, definitions = models_json_schema(modes, ref_template=_REFERENCE)  # type: ignore[arg-type]  # Literal of a tuple
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}_{re.sub(r'[^a-z]+', '_', route.path.removeprefix('/api/v1/')).strip('_')}",
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.roles is not None:
        operation["security"] = [{"bearer": []}]
        operation["description"] = f"Roles: {', '.join(sorted(route.roles))}."
    if route.body is not None:
        schema = {"$ref": _REFERENCE.format(model=_name(route.body))}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif route.upload is not None:
        content = {media: {"schema": {"type": "string", "format": "binary"}} for media in route.upload.media_types}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    schema = route.query.model_json_schema(ref_template=_REFERENCE)
    definitions = schema.get("$defs", {})
    for name, shape in schema.get("properties", {}).items():
        parameters.append({"name": name, "in": "query", "required": False, "schema": _inlined(shape, definitions)})
    if (route.method, route.path) == ("POST", "/api/v1/actions"):
        parameters.append(_IDEMPOTENCY)
    if route.streams:
        parameters.append(_LAST_EVENT)
    return parameters


def _inlined(shape: Any, definitions: dict[str, Any]) -> Any:
    """Query parameters carry their enumerations with them: they are no components."""
    if isinstance(shape, dict):
        if "$ref" in shape:
            return definitions[shape["$ref"].rsplit("/", 1)[1]]
        return {key: _inlined(value, definitions) for key, value in shape.items() if key not in ("title", "default")}
    return [_inlined(value, definitions) for value in shape] if isinstance(shape, list) else shape


def _responses(route: Route) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if route.answer is not None:
        content = {"application/json": {"schema": {"$ref": _REFERENCE.format(model=_name(route.answer))}}}
    else:
        content = {route.produces: {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {
        str(route.status): {"description": HTTPStatus(route.status).phrase, "content": content}
    }
    statuses = set(route.problems)
    if route.roles is not None:
        statuses |= {401, 403}
    if route.query.model_fields or route.body is not None or route.upload is not None:
        statuses.add(422)
    if route.body is not None or route.upload is not None:
        statuses |= {400, 413, 415}
    problem = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(model="ProblemAnswer")}}}
    for status in sorted(statuses):
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return responses


def _name(model: type[BaseModel]) -> str:
    """As pydantic names a component: `PageAnswer[TipAnswer]` becomes `PageAnswer_TipAnswer_`."""
    return re.sub(r"[^A-Za-z0-9.\-_]", "_", model.__name__)


def _version() -> str:
    try:
        return version("burgernet-gateway")
    except PackageNotFoundError:
        return "0"


class DescribeCalls:
    """`/openapi.json` and `/docs`, under `/api/v1` and at the top. They tell nothing of anybody: no token is asked."""

    def __init__(self, described: Iterable[Route], templates: Environment) -> None:
        self._document = openapi(described)
        self._json = json.dumps(self._document, ensure_ascii=False).encode()
        self._page = templates.get_template("docs.html").render(document=self._document).encode()

    def routes(self) -> list[Route]:
        routes = []
        for prefix in ("/api/v1", ""):
            summary = "This document."
            routes.append(Route("GET", f"{prefix}/openapi.json", self.document, None, summary))
            routes.append(Route("GET", f"{prefix}/docs", self.page, None, "To be read.", produces="text/html"))
        return routes

    async def document(self, asked: Asked[Any]) -> Answered:
        return fixed(self._json, "application/json; charset=utf-8")

    async def page(self, asked: Asked[Any]) -> Answered:
        return fixed(self._page, "text/html; charset=utf-8")
