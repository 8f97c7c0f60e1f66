"""The texts of an action's messages, by language and channel. Pure; no I/O."""

from __future__ import annotations

from gateway.domain.action import Action
from gateway.domain.outcomes import ChannelName, MessageKind
from gateway.engine.channel import Message

DEFAULT_CLOSING = {
    "nl": "De Burgernet-actie is beëindigd. Bedankt voor uw medewerking.",
    "en": "The Burgernet alert has ended. Thank you for your help.",
    "de": "Die Burgernet-Aktion ist beendet. Vielen Dank für Ihre Mithilfe.",
    "fr": "L'alerte Burgernet est terminée. Merci de votre aide.",
}
"""Written where the operator gave no text of their own. The suspicion is left out of it on purpose."""

_EXERCISE = {
    "nl": "Oefening",
    "en": "Exercise",
    "de": "Übung",
    "fr": "Exercice",
    "pl": "Cwiczenia",
    "tr": "Tatbikat",
    "ar": "تمرين",
}


def written(text: str, language: str, *, exercise: bool) -> str:
    """A text as it is read: an exercise says so in its first word, which costs a few characters of the GSM alphabet."""
    return f"{_EXERCISE.get(language[:2], _EXERCISE['nl'])}: {text}" if exercise else text


def message_of(action: Action, kind: MessageKind, channel: ChannelName) -> Message:
    """What is said or written. A closing text of the operator's own stands for every language.

    The voice channel speaks fixed words around every text, the thanks at the end and `this is an exercise` among them;
    what is written carries them itself."""
    exercise = action.draft.exercise
    texts = _closing_texts(action, channel) if kind is MessageKind.CLOSING else _alert_texts(action)
    recording = None if kind is MessageKind.CLOSING else action.recording
    if channel is not ChannelName.VOICE:
        texts = {language: written(text, language, exercise=exercise) for language, text in texts.items()}
    return Message(action.id, kind, texts, recording, exercise)


def _alert_texts(action: Action) -> dict[str, str]:
    return {"nl": action.draft.message, **action.draft.translations}


def _closing_texts(action: Action, channel: ChannelName) -> dict[str, str]:
    own = action.closing_message or action.draft.closing
    if own:
        return {"nl": own}
    if channel is ChannelName.VOICE:
        return dict.fromkeys(DEFAULT_CLOSING, "")
    return dict(DEFAULT_CLOSING)
