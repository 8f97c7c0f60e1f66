"""Which texts a language has. No I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """One language. Braces are filled in by the functions below; each field says when it is spoken."""

    alert: str
    """{exercise} {message} {number}"""
    exercise: str
    keys: str
    """{repeat} {seen} {operator} {stop}"""
    seen: str
    """After the key `seen`. {operator} {number}"""
    stop_ask: str
    """After the first press of `stop`: a second press is needed. {stop}"""
    stop_done: str
    stop_kept: str
    """No second press came."""
    repeating: str
    connecting: str
    """A key or a callback leads to an operator."""
    goodbye: str
    closing: str
    """{exercise} {message}"""
    correction: str
    """{message} {number}"""
    welcome: str
    """A callback is answered."""
    welcome_action: str
    """A callback about one action. {title}"""
    choose_action: str
    """Several actions reached the caller. {choices}"""
    choice: str
    """{key} {title}"""
    wait: str
    """While a desk rings for long."""
    record_tip: str
    """Nobody there; a beep follows."""
    tip_thanks: str
    tip_empty: str
    no_action: str
    """The caller was reached by no action."""
    closed_action: str
    """The action is over, the caller still rings."""
    stopped_during_call: str
    """An action closes while its message plays."""
    not_understood: str
    whisper: str
    """To the desk, before it accepts. {title} {accept}"""
    whisper_no_action: str
    """{accept}"""
    desk_lost: str
    """The desk's leg broke; the caller is put through again."""
    written_after_close: str
    """By SMS, to who writes about an action that is over; short, since it is to cost one segment."""
    written_stop: str
    """By SMS, to who asked for no more of them; as short."""
