"""The fixed texts in English. No I/O."""

from __future__ import annotations

from prompts.phrases.texts import Texts

ENGLISH = Texts(
    alert=(
        "Burgernet.\nThis is a call from Burgernet, the neighbourhood alert of the police. {exercise}\n"
        "{message}\nDo you see this person or vehicle? Do not act yourself. "
        "Call {number}, free of charge.\nI repeat: {number}."
    ),
    exercise="This is an exercise.",
    keys=(
        "Press {repeat} to hear the message again. Press {seen} if you have seen something. "
        "Press {operator} to speak to the control room. Press {stop} to receive no more calls."
    ),
    seen=(
        "Thank you. We know that you have seen something. "
        "Press {operator} to tell us now, or call {number}, free of charge."
    ),
    stop_ask="You wish to receive no more calls. Press {stop} once more to confirm.",
    stop_done="You will receive no more calls from Burgernet. Thank you for your help.",
    stop_kept="Nothing has changed. You will go on receiving calls.",
    repeating="The message follows once more.",
    connecting="One moment please. You are being connected to the control room.",
    goodbye="Thank you for listening. Goodbye.",
    closing=(
        "Burgernet.\nThis is a message from Burgernet. {exercise}\n{message}\nThe action has ended. "
        "Thank you for your help."
    ),
    correction=(
        "Burgernet.\nThis is an addition to a call from Burgernet.\n{message}\n"
        "Do you see this person or vehicle? Call {number}, free of charge.\nI repeat: {number}."
    ),
    welcome="Welcome to Burgernet.",
    welcome_action="Welcome to Burgernet. You are calling about: {title}.",
    choose_action="Welcome to Burgernet. Which call are you calling about?\n{choices}",
    choice="Press {key} for: {title}.",
    wait="Please hold the line. We are trying to reach a member of staff.",
    record_tip=(
        "All members of staff are busy at the moment. "
        "After the tone, say what you have seen, where, and at what time. End with the hash key. "
        "Is there danger? Hang up and call 1 1 2."
    ),
    tip_thanks="Thank you. Your tip goes to the control room at once. Goodbye.",
    tip_empty="We heard nothing. Please call us again.",
    no_action=("There is no call at present for which we rang you. You are being connected to a member of staff."),
    closed_action="This action has ended. Thank you for your help.",
    stopped_during_call="The action has just ended. Thank you for your help.",
    not_understood="We do not know that key.",
    whisper="Caller about: {title}. Press {accept} to accept.",
    whisper_no_action="Caller for Burgernet, without an action. Press {accept} to accept.",
    desk_lost="The connection was lost. You are being connected again.",
    written_after_close="Thank you for your message. This Burgernet alert has ended. Is there danger? Call 112.",
    written_stop="You will get no more texts from Burgernet. Join again? Sign up at burgernet.nl.",
)
