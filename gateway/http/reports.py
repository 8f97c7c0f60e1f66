"""The API's calls that only look: desks and their presence, tips, replies, calls, trunks and SMSCs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Annotated, Any, Literal, cast

from pydantic import AwareDatetime, BeforeValidator

from foundation.clock import saved
from gateway.domain.identifiers import ActionId, DeskId
from gateway.engine.interface import Engine
from gateway.http.access import EVERYONE, OPERATORS, STAFF
from gateway.http.actions import sound_file
from gateway.http.answers import (
    CallAnswer,
    DeskAnswer,
    PageAnswer,
    ReplyAnswer,
    SmscAnswer,
    TipAnswer,
    TrunkAnswer,
)
from gateway.http.bodies import DeskBody, PresenceBody
from gateway.http.routes import Answered, Asked, PageQuery, Query, Route
from ivr.call import TrunkStatus
from sms.events import SmscStatus


def _written_as_date(value: object) -> object:
    """pydantic would read a bare number as seconds since 1970."""
    if isinstance(value, str) and "-" not in value:
        raise ValueError("write a date and time with zone, as in 2026-11-24T22:00:00+01:00")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_as_date)]


class OfActionQuery(PageQuery):
    action: str | None = None


class CallsQuery(OfActionQuery):
    """`begin` and `end` with a time zone: calls that began in between."""

    direction: Literal["in", "out"] | None = None
    begin: Moment | None = None
    end: Moment | None = None


class DeskCalls:
    """Everything under `/operators`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self) -> list[Route]:
        path = "/api/v1/operators"
        return [
            Route("GET", path, self.list, EVERYONE, "The desks.", PageAnswer[DeskAnswer]),
            Route("POST", path, self.add, STAFF, "A further desk.", DeskAnswer, 201, DeskBody, problems=(409,)),
            Route(
                "PATCH",
                f"{path}/<desk>",
                self.set_present,
                STAFF,
                "Whether somebody sits there.",
                DeskAnswer,
                body=PresenceBody,
                problems=(404,),
            ),
        ]

    async def list(self, asked: Asked[Any]) -> Answered:
        return PageAnswer[DeskAnswer](items=[DeskAnswer.of(desk) for desk in await self._engine.desks()], next=None)

    async def add(self, asked: Asked[Any]) -> Answered:
        return DeskAnswer.of(await self._engine.add_desk(cast(DeskBody, asked.body).desk(), asked.person.name))

    async def set_present(self, asked: Asked[Any]) -> Answered:
        present = cast(PresenceBody, asked.body).present
        desk = await self._engine.set_present(DeskId(asked.path["desk"]), present, asked.person.name)
        return DeskAnswer.of(desk)


class CallerCalls:
    """Tips, replies and calls: what people told, and the call records."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self) -> list[Route]:
        tips, replies, calls = PageAnswer[TipAnswer], PageAnswer[ReplyAnswer], PageAnswer[CallAnswer]
        return [
            Route("GET", "/api/v1/tips", self.tips, OPERATORS, "Recorded tips.", tips, query=OfActionQuery),
            Route(
                "GET",
                "/api/v1/tips/<tip>/audio.wav",
                self.tip_audio,
                OPERATORS,
                "A tip's sound.",
                produces="audio/wav",
                problems=(404,),
            ),
            Route("GET", "/api/v1/replies", self.replies, OPERATORS, "Text replies.", replies, query=OfActionQuery),
            Route("GET", "/api/v1/calls", self.calls, EVERYONE, "Calls, up and past.", calls, query=CallsQuery),
        ]

    async def tips(self, asked: Asked[Any]) -> Answered:
        query = cast(OfActionQuery, asked.query)
        page = await self._engine.tips(_action(query), query.after)
        return PageAnswer[TipAnswer](items=[TipAnswer.of(tip, asked.person) for tip in page.items], next=page.next)

    async def tip_audio(self, asked: Asked[Any]) -> Answered:
        tip = await self._engine.tip(asked.path["tip"])
        return sound_file(tip.path)

    async def replies(self, asked: Asked[Any]) -> Answered:
        query = cast(OfActionQuery, asked.query)
        page = await self._engine.replies(_action(query), query.after)
        items = [ReplyAnswer.of(reply, asked.person) for reply in page.items]
        return PageAnswer[ReplyAnswer](items=items, next=page.next)

    async def calls(self, asked: Asked[Any]) -> Answered:
        query = cast(CallsQuery, asked.query)
        begin = None if query.begin is None else saved(query.begin)
        end = None if query.end is None else saved(query.end)
        page = await self._engine.calls(query.direction, _action(query), query.after, begin, end)
        return PageAnswer[CallAnswer](items=[CallAnswer.of(call, asked.person) for call in page.items], next=page.next)


class PeerCalls:
    """Trunks and SMSCs, as the telephone and the text service see them now."""

    def __init__(self, trunks: Callable[[], Iterable[TrunkStatus]], smscs: Callable[[], Iterable[SmscStatus]]) -> None:
        self._trunks = trunks
        self._smscs = smscs

    def routes(self) -> list[Route]:
        trunks, smscs = PageAnswer[TrunkAnswer], PageAnswer[SmscAnswer]
        return [
            Route("GET", "/api/v1/trunks", self.trunks, EVERYONE, "State, channels, last errors.", trunks, query=Query),
            Route("GET", "/api/v1/smscs", self.smscs, EVERYONE, "State, window, last errors.", smscs, query=Query),
        ]

    async def trunks(self, asked: Asked[Any]) -> Answered:
        items = [TrunkAnswer(**asdict(status)) for status in self._trunks()]
        return PageAnswer[TrunkAnswer](items=items, next=None)

    async def smscs(self, asked: Asked[Any]) -> Answered:
        items = [SmscAnswer(**asdict(status)) for status in self._smscs()]
        return PageAnswer[SmscAnswer](items=items, next=None)


def _action(query: OfActionQuery) -> ActionId | None:
    return None if query.action is None else ActionId(query.action)
