"""The API's calls about actions. Thin: bodies become the domain's values, the engine decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from twisted.web.static import File

from gateway.domain.action import ActionState
from gateway.domain.identifiers import ActionId, DeskId
from gateway.domain.outcomes import Outcome
from gateway.engine.interface import Engine
from gateway.http.access import EVERYONE, OPERATORS
from gateway.http.answers import ActionAnswer, DeliveryAnswer, EstimateAnswer, PageAnswer
from gateway.http.bodies import ActionBody, ActionPatch, CloseBody
from gateway.http.problems import FieldFault, Problem, from_validation
from gateway.http.routes import Answered, Asked, PageQuery, Route, Upload

WAV_TYPES = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "application/octet-stream")
_MOST_WAV_BYTES = 50_000_000
_MOST_KEY_CHARACTERS = 200


class ActionsQuery(PageQuery):
    state: ActionState | None = None


class DeliveriesQuery(PageQuery):
    outcome: Outcome | None = None


class ActionCalls:
    """Everything under `/actions`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self) -> list[Route]:
        path = "/api/v1/actions"
        one = f"{path}/<action>"
        audio = Upload(WAV_TYPES, _MOST_WAV_BYTES)
        page, deliveries = PageAnswer[ActionAnswer], PageAnswer[DeliveryAnswer]
        return [
            Route(
                "POST",
                f"{path}/estimate",
                self.estimate,
                OPERATORS,
                "What an action would reach, take and cost; nothing is saved.",
                EstimateAnswer,
                body=ActionBody,
            ),
            Route("POST", path, self.create, OPERATORS, "Write an action.", ActionAnswer, 201, ActionBody),
            Route("GET", path, self.list, EVERYONE, "Actions, newest first.", page, query=ActionsQuery),
            Route("GET", one, self.get, EVERYONE, "An action with its counts.", ActionAnswer, problems=(404,)),
            Route(
                "PATCH",
                one,
                self.patch,
                OPERATORS,
                "Edit a draft, or hand a running action over to another owner.",
                ActionAnswer,
                body=ActionPatch,
                problems=(404, 409),
            ),
            Route(
                "PUT",
                f"{one}/recording",
                self.put_recording,
                OPERATORS,
                "The operator's own voice (WAV) in place of speech.",
                ActionAnswer,
                upload=audio,
                problems=(404, 409),
            ),
            Route(
                "GET",
                f"{one}/audio.wav",
                self.audio,
                EVERYONE,
                "What a phone will hear.",
                produces="audio/wav",
                problems=(404, 503),
            ),
            Route(
                "POST",
                f"{one}/start",
                self.start,
                OPERATORS,
                "Freeze the recipients and begin.",
                ActionAnswer,
                202,
                problems=(404, 409),
            ),
            Route(
                "POST",
                f"{one}/close",
                self.close,
                OPERATORS,
                "Stop, and tell those who were reached.",
                ActionAnswer,
                202,
                CloseBody,
                problems=(404, 409),
            ),
            Route(
                "GET",
                f"{one}/deliveries",
                self.deliveries,
                EVERYONE,
                "Each recipient's outcome; numbers are masked unless the role is operator.",
                deliveries,
                query=DeliveriesQuery,
                problems=(404,),
            ),
        ]

    async def estimate(self, asked: Asked[Any]) -> Answered:
        return EstimateAnswer.of(await self._engine.estimate(cast(ActionBody, asked.body).draft()))

    async def create(self, asked: Asked[Any]) -> Answered:
        key = asked.request.getHeader("idempotency-key")
        if key is not None and not (0 < len(key) <= _MOST_KEY_CHARACTERS and key.isprintable()):
            words = f"1 to {_MOST_KEY_CHARACTERS} printable characters"
            raise Problem(422, f"Idempotency-Key holds {words}.", [FieldFault("Idempotency-Key", words)])
        view = await self._engine.create(cast(ActionBody, asked.body).draft(), asked.person.name, key)
        asked.request.setHeader("location", f"/api/v1/actions/{view.action.id}")
        return ActionAnswer.of(view)

    async def list(self, asked: Asked[Any]) -> Answered:
        query = cast(ActionsQuery, asked.query)
        page = await self._engine.actions(query.state, query.after)
        return PageAnswer[ActionAnswer](items=[ActionAnswer.of(view) for view in page.items], next=page.next)

    async def get(self, asked: Asked[Any]) -> Answered:
        return ActionAnswer.of(await self._engine.action(_action(asked)))

    async def patch(self, asked: Asked[Any]) -> Answered:
        """Only `owner` on an action that runs is a hand-over; everything else edits a draft."""
        body, action = cast(ActionPatch, asked.body), _action(asked)
        if not body.model_fields_set:
            raise Problem(422, "Nothing is to be changed; send at least one field.")
        view = await self._engine.action(action)
        if body.model_fields_set == {"owner"} and view.action.state is not ActionState.DRAFT:
            if body.owner is None:
                raise Problem(422, "An action needs an owner.", [FieldFault("#/owner", "name a desk")])
            handed = await self._engine.hand_over(action, DeskId(body.owner), asked.person.name)
            return ActionAnswer.of(handed)
        draft = _merged(ActionAnswer.of(view), body).draft()
        return ActionAnswer.of(await self._engine.edit(action, draft, asked.person.name))

    async def put_recording(self, asked: Asked[Any]) -> Answered:
        wav: bytes = asked.request.content.read()
        if not (wav[:4] == b"RIFF" and wav[8:12] == b"WAVE"):
            raise Problem(422, "This is no WAV file; send one with 16-bit PCM, mono, 8,000 Hz or more.")
        return ActionAnswer.of(await self._engine.set_recording(_action(asked), wav, asked.person.name))

    async def audio(self, asked: Asked[Any]) -> Answered:
        return sound_file(await self._engine.audio(_action(asked)))

    async def start(self, asked: Asked[Any]) -> Answered:
        return ActionAnswer.of(await self._engine.start(_action(asked), asked.person.name))

    async def close(self, asked: Asked[Any]) -> Answered:
        body = cast(CloseBody, asked.body)
        view = await self._engine.close(_action(asked), body.closing_outcome(), body.message, asked.person.name)
        return ActionAnswer.of(view)

    async def deliveries(self, asked: Asked[Any]) -> Answered:
        query = cast(DeliveriesQuery, asked.query)
        page = await self._engine.deliveries(_action(asked), query.outcome, query.after)
        items = [DeliveryAnswer.of(view, asked.person) for view in page.items]
        return PageAnswer[DeliveryAnswer](items=items, next=page.next)


def sound_file(path: Path) -> File:
    """A WAV that renders itself, ranges included (players ask for them)."""
    if not path.is_file():
        raise Problem(404, "The sound is not kept any more.")
    file = File(str(path))
    file.type, file.encoding = "audio/wav", None
    return file


def _action(asked: Asked[Any]) -> ActionId:
    return ActionId(asked.path["action"])


def _merged(current: ActionAnswer, patch: ActionPatch) -> ActionBody:
    """The action as written, with what the patch names put over it; checked as a whole again."""
    written = {
        name: value for name, value in current.model_dump(mode="json").items() if name in ActionBody.model_fields
    }
    changed = patch.model_dump(mode="json", exclude_unset=True)
    if "area" in changed and changed["area"] is not None:
        changed["area"] = {kind: value for kind, value in changed["area"].items() if value is not None}
    try:
        return ActionBody.model_validate({**written, **changed})
    except ValidationError as error:
        raise from_validation(error) from error
