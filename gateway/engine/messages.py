"""The texts of an action's messages, by language. Pure; no I/O."""

from __future__ import annotations

from gateway.domain.action import Action
from gateway.domain.outcomes import MessageKind
from gateway.engine.channel import Message

DEFAULT_CLOSING = {
    "nl": "De Burgernet-actie is beëindigd. Bedankt voor uw medewerking.",
    "en": "The Burgernet alert has ended. Thank you for your help.",
    "de": "Die Burgernet-Aktion ist beendet. Vielen Dank für Ihre Mithilfe.",
    "fr": "L'alerte Burgernet est terminée. Merci de votre aide.",
}
"""Said where the operator gave no text of their own. The suspicion is left out of it on purpose."""


def message_of(action: Action, kind: MessageKind) -> Message:
    """What is said or written. A closing text of the operator's own stands for every language."""
    if kind is MessageKind.CLOSING:
        own = action.closing_message or action.draft.closing
        return Message(action.id, kind, {"nl": own} if own else DEFAULT_CLOSING)
    texts = {"nl": action.draft.message, **action.draft.translations}
    return Message(action.id, kind, texts, action.recording)
