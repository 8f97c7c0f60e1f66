"""Every fixed word that the service speaks, in seven languages. No I/O.

A new line is a pause of 700 ms. Keys are spoken as they are set. A language without texts speaks Dutch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CALLBACK_NUMBER = "0800-0011"


@dataclass(frozen=True, slots=True)
class Keys:
    """Which key does what, as in `[voice] keys`."""

    repeat: str = "1"
    seen: str = "2"
    operator: str = "3"
    stop: str = "9"


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
    return LANGUAGES.get(language.lower()[:2], LANGUAGES["nl"])


def _ended(message: str) -> str:
    """With a full stop, so that what follows is a sentence of its own."""
    stripped = message.strip()
    return stripped if stripped.endswith((".", "!", "?", "؟")) or not stripped else f"{stripped}."


DUTCH = Texts(
    alert="Burgernet.\nHier volgt een oproep voor Burgernet. {exercise}\n{message}\n"
    "Ziet u deze persoon of dit voertuig? Ga er niet zelf op af. Bel gratis {number}.\nIk herhaal: {number}.",
    exercise="Dit is een oefening.",
    keys="Toets {repeat} om het bericht nog eens te horen. Toets {seen} als u iets gezien hebt. "
    "Toets {operator} om met de meldkamer te spreken. Toets {stop} om geen oproepen meer te krijgen.",
    seen="Dank u. Wij weten dat u iets gezien hebt. Toets {operator} om het nu te vertellen, of bel gratis {number}.",
    stop_ask="U wilt geen oproepen meer krijgen. Toets nog een keer {stop} om dat te bevestigen.",
    stop_done="U krijgt geen oproepen meer van Burgernet. Dank u voor uw medewerking.",
    stop_kept="Er is niets veranderd. U blijft oproepen krijgen.",
    repeating="Het bericht volgt nog een keer.",
    connecting="Een ogenblik. U wordt doorverbonden met de meldkamer.",
    goodbye="Bedankt voor het luisteren. Tot ziens.",
    closing="Burgernet.\nHier volgt een bericht van Burgernet. {exercise}\n{message}\n"
    "Actie beëindigd. Bedankt voor uw medewerking.",
    correction="Burgernet.\nHier volgt een aanvulling op een oproep van Burgernet.\n{message}\n"
    "Ziet u deze persoon of dit voertuig? Bel gratis {number}.\nIk herhaal: {number}.",
    welcome="Welkom bij Burgernet.",
    welcome_action="Welkom bij Burgernet. U belt over: {title}.",
    choose_action="Welkom bij Burgernet. Over welke oproep belt u?\n{choices}",
    choice="Toets {key} voor: {title}.",
    wait="Blijft u alstublieft aan de lijn. Wij proberen een medewerker te bereiken.",
    record_tip="Op dit moment zijn alle medewerkers in gesprek. Spreek na de piep in wat u gezien hebt, waar, en hoe laat. "
    "Sluit af met een hekje. Is er gevaar? Hang op en bel 112.",
    tip_thanks="Bedankt. Uw tip gaat direct naar de meldkamer. Tot ziens.",
    tip_empty="Wij hebben niets gehoord. Bel ons gerust nog een keer.",
    no_action="Er is op dit moment geen oproep waarvoor wij u gebeld hebben. U wordt doorverbonden met een medewerker.",
    closed_action="Deze actie is beëindigd. Bedankt voor uw medewerking.",
    stopped_during_call="De actie is zojuist beëindigd. Bedankt voor uw medewerking.",
    not_understood="Die toets kennen wij niet.",
    whisper="Beller voor: {title}. Toets {accept} om aan te nemen.",
    whisper_no_action="Beller voor Burgernet, zonder actie. Toets {accept} om aan te nemen.",
    desk_lost="De verbinding is verbroken. U wordt opnieuw doorverbonden.",
)

LANGUAGES: dict[str, Texts] = {"nl": DUTCH}
