"""A town whose SMS channel is the real one, over a scripted SMSC that lives on when the daemon dies."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.outcomes import ChannelName
from gateway.engine.receipt_asking import ReceiptAsking
from gateway.engine.texts import TextChannel, TextHooks
from gateway.store.reader import InlineReader
from gateway.store.receipts import Receipts
from tests.acceptance.scripted_smsc import ScriptedTexts
from tests.acceptance.town import Town

PERSON = "+31612345601"


class TextTown(Town):
    """Receipts for PERSON come only when the story says so."""

    def builds(self) -> None:
        super().builds()
        if not hasattr(self, "texts"):
            self.texts = ScriptedTexts(self.clock, self.clocks)
            self.texts.person(PERSON).is_receipted(None)
        hooks = TextHooks(self._stop, self.engine.save_reply, self.engine.answer_due)
        reader = InlineReader(self.database.reading)
        channel = TextChannel(self.texts, Receipts(reader, self.writer, self.clocks), hooks, self.clock)
        channel.listen(self.engine)
        self.engine.attach(channel)
        self.asking = ReceiptAsking(self.texts, channel.receipt, reader, self.clocks, self.clock)
        self.asking.startService()

    async def _stop(self, number: PhoneNumber) -> str | None:
        new = await self.engine.opt_out(number, ChannelName.SMS)
        return await self.engine.language_of(number) if new else None

    def writes(self, text: str, number: str = PERSON) -> Deferred[None]:
        """Somebody answers; what is saved by then is answered to the SMSC, and nothing is refused."""
        refused: list[object] = []
        answered = self.texts.writes(number, text).addErrback(refused.append)
        self.passes(1)
        assert refused == []
        return answered

    def receipts(self, *message_ids: str, status: str = "DELIVRD", number: str = PERSON) -> None:
        """Each is saved, so that the SMSC need not send it again."""
        refused: list[object] = []
        for message_id in message_ids:
            self.texts.receipted(message_id, status, number).addErrback(refused.append)
        self.passes(1)
        assert refused == []
