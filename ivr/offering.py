"""What is offered to a trunk that refuses our first offer (488, 606), before that counts as its fault. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from foundation.sound import Codec
from ivr.sip import sdp


def other_offers(local: sdp.Local, codecs: Sequence[Codec], others: Sequence[Codec]) -> tuple[Callable[[], bytes], ...]:
    """In the order in which they are tried, each a new version, written when it is needed: where encryption is optional
    the same by the other profile, RTP/SAVP for a peer that insists on it; then other codecs, where there are any."""
    tried: list[tuple[sdp.Local, Sequence[Codec]]] = []
    if local.encryption.mode == "optional":
        tried.append((replace(local, encryption=local.encryption.insist(not local.encryption.insisting)), codecs))
    if others:
        tried.append((replace(local, encryption=local.encryption.insist(False)), others))
    return tuple(
        partial(sdp.offer, replace(one, version=local.version + number), offered)
        for number, (one, offered) in enumerate(tried, 1)
    )
