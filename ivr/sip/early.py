"""Offers and answers before the call is answered: the PRACK of our reliable 180 (RFC 3262), UPDATE both ways (RFC 3311).
No I/O.

One exchange at a time: who offers while an offer of the other side waits gets 500 and may come again, two that cross get
491.
"""

from __future__ import annotations

import re

from foundation.clock import Monotonic
from ivr.sip.callee import ALLOW, SUPPORTED
from ivr.sip.core import Core
from ivr.sip.dialog import Dialog
from ivr.sip.events import EarlyAnswered, ReofferAnswered, Reoffered
from ivr.sip.legs import Legs, retry_after, sdp_of
from ivr.sip.message import Fields, Request, Response
from ivr.sip.session import EARLY, Session
from ivr.sip.transactions import Transaction

_RACK = re.compile(r"([0-9]{1,10})\s+([0-9]{1,10})\s+(\S+)")
_SDP = ("Content-Type", "application/sdp")


class Early:
    def __init__(self, core: Core, legs: Legs) -> None:
        self._core = core
        self._legs = legs

    # ---- what the other side asks

    def prack(self, session: Session, dialog: Dialog, transaction: Transaction, now: Monotonic) -> None:
        """It must name the response of ours that has none yet (RFC 3262 §3)."""
        request, waiting = transaction.request, session.reliable
        if waiting is None or not _names(request, waiting.number, session.invite.essentials.cseq.number):
            self._core.reply(transaction, 481, now)
            return
        session.reliable = None
        self._core.disarm(session, "reliable", "no PRACK")
        if waiting.holds != "nothing":
            session.settled.add(dialog.remote_tag)
        offer = sdp_of(request)
        if waiting.holds == "offer":
            self._core.reply(transaction, 200, now)
            self._core.told.append(EarlyAnswered(session.leg, offer))
        elif offer is not None:
            self._offered(session, dialog, transaction, offer, now)
        else:
            self._core.reply(transaction, 200, now)

    def updated(self, session: Session, dialog: Dialog, transaction: Transaction, now: Monotonic) -> None:
        """An UPDATE: a new Contact, a new offer, or both."""
        request = transaction.request
        offer = sdp_of(request)
        if request.body and offer is None:
            self._core.reply(transaction, 415, now, fields=[("Accept", "application/sdp")])
        elif offer is None:
            dialog.refresh(request)
            self._core.reply(transaction, 200, now, fields=self._fields(session))
        else:
            self._offered(session, dialog, transaction, offer, now)

    def _offered(
        self, session: Session, dialog: Dialog, transaction: Transaction, offer: bytes, now: Monotonic
    ) -> None:
        """RFC 3311 §5.2: 491 while an offer of ours has no answer, 500 while one of theirs has none."""
        settled = dialog.remote_tag in session.settled
        ours = session.reoffer_sent is not None or (session.direction == "out" and not settled)
        if ours or (session.reliable is not None and session.reliable.holds == "offer"):
            self._core.reply(transaction, 491, now)
        elif session.reoffered is not None or not settled:
            self._core.reply(transaction, 500, now, fields=[self.soon()])
        else:
            if transaction.request.method == "UPDATE":
                dialog.refresh(transaction.request)
            session.reoffered = transaction
            self._core.told.append(Reoffered(session.leg, offer))

    def soon(self) -> tuple[str, str]:
        """When a request that came too early may come again."""
        return "Retry-After", str(1 + int(self._core.random.random() * 9))

    def _fields(self, session: Session) -> list[tuple[str, str]]:
        return [("Contact", self._core.contact(session.transport, session.destination)), ALLOW]

    # ---- what our side asks

    def offer(self, session: Session, sdp: bytes, now: Monotonic) -> None:
        """An UPDATE with our new offer, where the first exchange is done and they take it; its end is told as
        `ReofferAnswered`."""
        if self._dialog(session) is None or session.reoffering is not None or session.reoffered is not None:
            self._core.told.append(ReofferAnswered(session.leg, 491, None))
            return
        session.reoffering = sdp
        self.offer_again(session, now)

    def offer_again(self, session: Session, now: Monotonic) -> None:
        dialog, sdp = self._dialog(session), session.reoffering
        if dialog is None or sdp is None:
            return
        if session.reoffered is not None:
            self.later(session, now)
        else:
            self._update(session, dialog, sdp, now)

    def later(self, session: Session, now: Monotonic) -> None:
        """Glare: the caller's side waits 2.1 to 4 s, the callee's 0 to 2 s (RFC 3261 §14.1)."""
        share = self._core.random.random()
        wait = 2.1 + 1.9 * share if session.direction == "out" else 2.0 * share
        self._core.arm(session, "reoffer", round(wait, 2), now)

    def _dialog(self, session: Session) -> Dialog | None:
        """The early dialog where an offer of ours may go: of several the latest that is settled."""
        if not session.allows_update or session.state not in EARLY:
            return None
        known = [session.dialog] if session.dialog is not None else list(session.early.values())
        return next((one for one in reversed(known) if one.remote_tag in session.settled), None)

    def _update(self, session: Session, dialog: Dialog, sdp: bytes, now: Monotonic) -> None:
        destination, transport = self._core.route(session, dialog)

        def make(credentials: Fields) -> Request:
            fields = (*self._fields(session), SUPPORTED, *credentials, _SDP)
            return dialog.request("UPDATE", self._core.via(transport, destination), fields, sdp)

        def heard(response: Response | None, at: Monotonic) -> None:
            session.reoffer_sent = None
            if session.reoffering is not None:
                self._heard(session, dialog, sdp, response, at)

        session.reoffer_sent = self._core.ask(make, session.peer, destination, transport, heard, now)

    def _heard(self, session: Session, dialog: Dialog, sdp: bytes, response: Response | None, now: Monotonic) -> None:
        status = None if response is None else response.status
        wait = None if response is None or status != 500 else retry_after(response)
        if status == 491:
            self.later(session, now)
        elif wait is not None:
            self._core.arm(session, "reoffer", wait, now)
        else:
            session.reoffering, body = None, None
            if response is not None and response.status < 300:
                dialog.refresh(response)
                session.description, body = sdp, sdp_of(response)
                if body is not None:
                    session.early_media[dialog.remote_tag] = body
                    session.renewed.discard(dialog.remote_tag)
            self._core.told.append(ReofferAnswered(session.leg, status, body))


def _names(prack: Request, number: int, sequence: int) -> bool:
    matched = _RACK.fullmatch((prack.first("RAck") or "").strip())
    return matched is not None and (int(matched[1]), int(matched[2]), matched[3]) == (number, sequence, "INVITE")
