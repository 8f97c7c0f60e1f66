"""A call of the API as data: path, who may, what it takes and gives. Dispatch, access and the OpenAPI document all read
the same table. No I/O.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict
from twisted.web.resource import Resource
from twisted.web.static import Data

from gateway.http.access import Person, Role

Method = Literal["GET", "POST", "PUT", "PATCH"]
Body_co = TypeVar("Body_co", covariant=True)

WebRequest: TypeAlias = Any
"""`twisted.web.server.Request`, whose methods carry no types; handlers get what they need of it checked in `Asked`."""

Answered = BaseModel | Resource | None
"""A model goes out as JSON, a resource renders itself, None: the handler wrote and finished the answer."""


class Query(BaseModel):
    """The query parameters of a call; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Query):
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that is no JSON: the media types that are taken, and the most bytes."""

    media_types: tuple[str, ...]
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Asked(Generic[Body_co]):
    """A request that passed: known person, right role, checked query and body. `path` holds the `<name>` parts."""

    request: WebRequest
    person: Person
    path: Mapping[str, str]
    query: Query
    body: Body_co


Handler = Callable[[Asked[object]], Awaitable[Answered]]


@dataclass(frozen=True, slots=True)
class Route:
    """`roles` None: no token is needed. `streams`: the answer goes on until the other side hangs up, and the handler is
    cancelled then; all others run to their end whoever hangs up, since what they began is being saved."""

    method: Method
    path: str
    handler: Handler
    roles: frozenset[Role] | None
    summary: str
    answer: type[BaseModel] | None = None
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[Query] = Query
    upload: Upload | None = None
    produces: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    streams: bool = False


def fixed(content: bytes, media_type: str) -> Resource:
    """An answer that is bytes already."""
    make: Callable[[bytes, str], Resource] = Data
    return make(content, media_type)
