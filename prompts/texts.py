"""Every fixed word that the service speaks, and the answers that it writes, in seven languages. No I/O.

A new line is a pause of 700 ms. Keys are spoken as they are set. A language without texts speaks Dutch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prompts.phrases.arabic import ARABIC
from prompts.phrases.dutch import DUTCH
from prompts.phrases.english import ENGLISH
from prompts.phrases.french import FRENCH
from prompts.phrases.german import GERMAN
from prompts.phrases.polish import POLISH
from prompts.phrases.texts import Texts
from prompts.phrases.turkish import TURKISH

CALLBACK_NUMBER = "0800-0011"

LANGUAGES: dict[str, Texts] = {
    "nl": DUTCH, "en": ENGLISH, "de": GERMAN, "fr": FRENCH, "pl": POLISH, "tr": TURKISH, "ar": ARABIC,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keys:
    """Which key does what, as in `[voice] keys`."""

    repeat: str = "1"
    seen: str = "2"
    operator: str = "3"
    stop: str = "9"


def alert(message: str, language: str = "nl", *, number: str = CALLBACK_NUMBER, exercise: bool = False) -> str:
    """The whole call's text but the keys: who speaks, what is asked, the number twice."""
    texts = texts_for(language)
    said = texts.alert.format(exercise=texts.exercise if exercise else "", message=_ended(message), number=number)
    return said.strip()


def keys_menu(keys: Keys, language: str = "nl") -> str:
    return texts_for(language).keys.format(repeat=keys.repeat, seen=keys.seen, operator=keys.operator, stop=keys.stop)


def closing(message: str, language: str = "nl", *, exercise: bool = False) -> str:
    texts = texts_for(language)
    return texts.closing.format(exercise=texts.exercise if exercise else "", message=_ended(message)).strip()


def correction(message: str, language: str = "nl", *, number: str = CALLBACK_NUMBER) -> str:
    return texts_for(language).correction.format(message=_ended(message), number=number)


def confirm_seen(language: str = "nl", *, operator: str = "3", number: str = CALLBACK_NUMBER) -> str:
    return texts_for(language).seen.format(operator=operator, number=number)


def ask_stop(stop: str = "9", language: str = "nl") -> str:
    return texts_for(language).stop_ask.format(stop=stop)


def welcome_action(title: str, language: str = "nl") -> str:
    return texts_for(language).welcome_action.format(title=title.rstrip(". "))


def choose_action(titles: Mapping[str, str], language: str = "nl") -> str:
    """`titles` by the key to press, in the order of speaking."""
    texts = texts_for(language)
    choices = "\n".join(texts.choice.format(key=key, title=title.rstrip(". ")) for key, title in titles.items())
    return texts.choose_action.format(choices=choices)


def whisper(title: str | None, accept: str = "1", language: str = "nl") -> str:
    texts = texts_for(language)
    if title is None:
        return texts.whisper_no_action.format(accept=accept)
    return texts.whisper.format(title=title.rstrip(". "), accept=accept)


def written_after_close(language: str = "nl") -> str:
    """By SMS, to who writes about an action that is over."""
    return texts_for(language).written_after_close


def written_stop(language: str = "nl") -> str:
    """By SMS, to who asked for no more of them."""
    return texts_for(language).written_stop


def without_name(text: str, language: str = "nl") -> str | None:
    """A message without the name that it begins with, for a tone in its place; None where it begins otherwise."""
    name = texts_for(language).alert.partition("\n")[0] + "\n"
    return text.removeprefix(name) if text.startswith(name) else None


def fixed(language: str = "nl", keys: Keys | None = None) -> tuple[str, ...]:
    """The texts that need nothing filled in but keys: rendered at start."""
    texts = texts_for(language)
    keys = keys or Keys()
    return (
        keys_menu(keys, language),
        confirm_seen(language, operator=keys.operator),
        ask_stop(keys.stop, language),
        texts.stop_done,
        texts.stop_kept,
        texts.repeating,
        texts.connecting,
        texts.goodbye,
        texts.welcome,
        texts.wait,
        texts.record_tip,
        texts.tip_thanks,
        texts.tip_empty,
        texts.no_action,
        texts.closed_action,
        texts.stopped_during_call,
        texts.not_understood,
        texts.desk_lost,
        texts.whisper_no_action.format(accept="1"),
    )


def texts_for(language: str) -> Texts:
    return LANGUAGES.get(language.lower()[:2], DUTCH)


def _ended(message: str) -> str:
    """With a full stop, so that what follows is a sentence of its own."""
    stripped = message.strip()
    return stripped if stripped.endswith((".", "!", "?", "؟")) or not stripped else f"{stripped}."
