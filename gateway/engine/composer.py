"""Composing an action: what it would reach, take and cost; the draft; the operator's own voice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from gateway.domain.action import ActionDraft, ActionState, Municipality
from gateway.domain.areas import AreaFault
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import ChannelName, MessageKind
from gateway.engine.actions import Actions, Parts
from gateway.engine.answers import action_view
from gateway.engine.closing import conflict
from gateway.engine.desks import Desks
from gateway.engine.interface import Conflict, Invalid, NotFound
from gateway.engine.media import Media
from gateway.engine.messages import message_of, written
from gateway.engine.views import ActionView
from gateway.store.actions import ActionRecord, KeyReused, NewAction, create_action, get_action, note, replace_draft
from gateway.store.drafts import SavedEstimate
from gateway.store.reader import Reader
from gateway.store.recipients import count_recipients
from prompts.speech import BadRecording

_MOST_TEXT = 5_000
_NO_ADVICE: tuple[str, ...] = ()
OTHER_RECORDING = "the recording was made for another text; make a new one"


class Composer:
    """`token(bytes)` gives an unguessable URL-safe name; `directory` keeps recordings."""

    def __init__(
        self,
        parts: Parts,
        reader: Reader,
        actions: Actions,
        desks: Desks,
        media: Media,
        directory: Path,
        token: Callable[[int], str],
    ) -> None:
        self._parts = parts
        self._reader = reader
        self._actions = actions
        self._desks = desks
        self._media = media
        self._directory = directory
        self._token = token

    async def estimate(self, draft: ActionDraft) -> SavedEstimate:
        self._check(draft)
        try:
            people = await self._reader.read(lambda connection: count_recipients(connection, draft.area))
        except AreaFault as fault:
            raise Invalid("area", str(fault)) from fault
        recipients = {name: people[name] for name in sorted(draft.channels)}
        segments, advice = 0, _NO_ADVICE
        if ChannelName.SMS in draft.channels:
            segments, advice = self._media.segments(written(draft.message, "nl", exercise=draft.exercise))
        advice = (*advice, *self._doubts(draft, nobody=not any(people.values())))
        calls, texts = recipients.get(ChannelName.VOICE, 0), recipients.get(ChannelName.SMS, 0) * segments
        pace = self._parts.runner.rules.pace
        seconds = max(
            calls / pace.calls_per_second,
            math.ceil(calls / pace.call_channels) * pace.seconds_a_call,
            texts / pace.segments_per_second,
        )
        cost = round(calls * pace.euro_a_call + texts * pace.euro_a_segment, 2)
        return SavedEstimate(recipients, segments, round(seconds, 1), cost, tuple(advice))

    def _doubts(self, draft: ActionDraft, *, nobody: bool) -> Iterator[str]:
        """What may be a slip of the pen, yet can be put right later."""
        if nobody and isinstance(draft.area, Municipality):
            yield f"no participant lives in {draft.area.name}; check how it is spelled"
        if draft.expires_at is not None and draft.expires_at <= self._parts.clocks.saved_now():
            yield "the expiry is in the past; the action can't be started like this"

    def _check(self, draft: ActionDraft) -> None:
        if not draft.channels:
            raise Invalid("channels", "name at least one of voice and sms")
        if not draft.message.strip():
            raise Invalid("message", "there is nothing to say; write the message")
        if len(draft.message) > _MOST_TEXT:
            raise Invalid("message", f"the message is longer than {_MOST_TEXT} characters; shorten it")
        if not self._desks.knows(draft.owner):
            raise Invalid("owner", f"there is no desk {draft.owner}; name one of the operators")

    async def create(self, draft: ActionDraft, actor: str, idempotency_key: str | None) -> ActionView:
        estimate = await self.estimate(draft)
        now = self._parts.clocks.saved_now()
        new = NewAction(ActionId(self._token(9)), draft, estimate, now, actor, idempotency_key)
        try:
            record = await self._parts.writer.run(lambda connection: create_action(connection, new))
        except KeyReused as error:
            raise Conflict("this Idempotency-Key was used for another action; take a new key") from error
        self._parts.hub.publish("action", {"id": record.action.id, "state": record.action.state.value})
        return await self._reader.read(lambda connection: action_view(connection, record.action.id))

    async def edit(self, wanted: ActionId, draft: ActionDraft, actor: str) -> ActionView:
        estimate = await self.estimate(draft)
        now = self._parts.clocks.saved_now()

        def work(connection: Connection) -> None:
            record = self._draft(connection, wanted, "edited")
            replace_draft(connection, wanted, draft, _heard_otherwise(record, draft, estimate))
            note(connection, now, actor, "action edited", wanted)

        await self._parts.writer.run(work)
        self._parts.hub.publish("action", {"id": wanted, "state": ActionState.DRAFT.value})
        return await self._reader.read(lambda connection: action_view(connection, wanted))

    def _draft(self, connection: Connection, wanted: ActionId, wish: str) -> ActionRecord:
        record = get_action(connection, wanted)
        if record is None:
            raise NotFound(f"there is no action {wanted}")
        if record.action.state is not ActionState.DRAFT:
            raise conflict(record.action, wish)
        return record

    async def set_recording(self, wanted: ActionId, wav: bytes, actor: str) -> None:
        await self._reader.read(lambda connection: self._draft(connection, wanted, "given a recording"))
        path = self._directory / f"{wanted}-{self._token(6)}.wav"
        await self._reader.read(lambda _: _write(path, wav))
        try:
            await self._media.check_recording(path)
            await self._actions.set_recording(wanted, path, actor)
            await self._parts.writer.run(lambda connection: self._made_anew(connection, wanted))
        except BadRecording as fault:
            await self._reader.read(lambda _: path.unlink(missing_ok=True))
            raise Invalid("recording", str(fault)) from fault

    def _made_anew(self, connection: Connection, wanted: ActionId) -> None:
        record = get_action(connection, wanted)
        # Started meanwhile: the recording is in, and what the draft was advised matters no more.
        if record is None or record.action.state is not ActionState.DRAFT:
            return
        advice = tuple(words for words in record.estimate.advice if words != OTHER_RECORDING)
        if advice != record.estimate.advice:
            replace_draft(connection, wanted, record.action.draft, replace(record.estimate, advice=advice))

    async def audio(self, wanted: ActionId) -> Path:
        record = await self._reader.read(lambda connection: get_action(connection, wanted))
        if record is None:
            raise NotFound(f"there is no action {wanted}")
        return await self._media.wav(message_of(record.action, MessageKind.ALERT, ChannelName.VOICE), "nl")


def _heard_otherwise(record: ActionRecord, draft: ActionDraft, estimate: SavedEstimate) -> SavedEstimate:
    """With a word about a recording that says another text than the draft does, until a new one is made."""
    other = draft.message != record.action.draft.message or OTHER_RECORDING in record.estimate.advice
    if record.action.recording is None or not other:
        return estimate
    return replace(estimate, advice=(*estimate.advice, OTHER_RECORDING))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
