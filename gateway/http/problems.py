"""Errors as RFC 9457 problem details: what an API call answers when it can't do what was asked. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import ValidationError


@dataclass(frozen=True, slots=True)
class FieldFault:
    """`where` is a JSON pointer into the body (`#/area/circle/radius_m`, RFC 6901), or the name of a query parameter or
    header."""

    where: str
    detail: str

    def as_json(self) -> dict[str, str]:
        kind = "pointer" if self.where.startswith("#") else "parameter"
        return {kind: self.where, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """`detail` is a plain sentence for the person who asked; `headers` go with the answer (`Allow`, …)."""

    status: int
    detail: str
    errors: tuple[FieldFault, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        document: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [fault.as_json() for fault in self.errors]
        return document

    def __bytes__(self) -> bytes:
        return json.dumps(self.as_json(), ensure_ascii=False).encode()


class Problem(Exception):
    """Raised anywhere in a handler; the service turns it into its answer."""

    def __init__(
        self, status: int, detail: str, errors: Iterable[FieldFault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.details = ProblemDetails(status, detail, tuple(errors), headers or {})


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer as a URI fragment."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def from_validation(error: ValidationError) -> Problem:
    """All that is wrong with a body, each with the pointer to its place."""
    faults = []
    for details in error.errors(include_url=False, include_context=False, include_input=False):
        words = details["msg"].removeprefix("Value error, ")
        if details["type"] == "extra_forbidden":
            words = "unknown field; remove it or check its spelling"
        elif details["type"] == "missing":
            words = "is needed"
        faults.append(FieldFault(pointer(details["loc"]), words))
    count = len(faults)
    return Problem(422, f"{count} field{'s are' if count > 1 else ' is'} not right; see errors", faults)
