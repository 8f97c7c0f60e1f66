"""Receipts of a long text that the daemon's end and new start come between: no part's receipt is the whole message's."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.outcomes import Outcome
from gateway.engine.texts import TextChannel, TextHooks
from gateway.store.reader import InlineReader
from gateway.store.receipts import Receipts
from tests.acceptance.scripted_smsc import ScriptedTexts
from tests.acceptance.town import SMS, Town

PERSON = "+31612345601"
THREE_PARTS = "Wilt u uitkijken naar een rode fiets. " * 10


class TextTown(Town):
    """A town whose SMS channel is the real one, over an SMSC that tells receipts only when the story says so."""

    def builds(self) -> None:
        super().builds()
        if not hasattr(self, "texts"):
            self.texts = ScriptedTexts(self.clock, self.clocks)
            self.texts.person(PERSON).is_receipted(None)
        hooks = TextHooks(self._nobody_stops, self.engine.save_reply)
        receipts = Receipts(InlineReader(self.database.reading), self.writer, self.clocks)
        channel = TextChannel(self.texts, receipts, hooks, self.clock)
        channel.listen(self.engine)
        self.engine.attach(channel)

    async def _nobody_stops(self, number: PhoneNumber) -> None:
        raise AssertionError("nobody asked to stop")

    def receipts(self, *message_ids: str, status: str = "DELIVRD") -> None:
        for message_id in message_ids:
            self.texts.receipted(message_id, status, PERSON)
        self.passes(1)


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_three_receipts_make_the_whole_however_many_came_before_the_crash(tmp_path: Path, before: int) -> None:
    town = TextTown(tmp_path)
    town.lives(PERSON, channels=SMS)
    town.starts_up()
    action = town.acts(channels=SMS, message=THREE_PARTS)
    town.passes(5)
    ids = ("1", "2", "3")
    assert len(town.texts.sent) == 1
    for message_id in ids[:before]:
        assert town.deliveries(action)[0].outcome is Outcome.SENT
        town.receipts(message_id)
    town.restarts()
    town.passes(1)
    for message_id in ids[before:]:
        assert town.deliveries(action)[0].outcome is Outcome.SENT
        town.receipts(message_id, message_id)
    assert town.deliveries(action)[0].outcome is Outcome.DELIVERED
    assert len(town.texts.sent) == 1


def test_one_part_that_failed_is_the_whole_messages_end(tmp_path: Path) -> None:
    town = TextTown(tmp_path)
    town.lives(PERSON, channels=SMS)
    town.starts_up()
    action = town.acts(channels=SMS, message=THREE_PARTS)
    town.passes(5)
    town.receipts("1")
    town.restarts()
    town.receipts("2", status="UNDELIV")
    assert town.deliveries(action)[0].outcome is Outcome.UNDELIVERABLE
