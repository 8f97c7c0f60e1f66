"""The fixed texts in French. No I/O."""

from __future__ import annotations

from prompts.phrases.texts import Texts

FRENCH = Texts(
    alert=(
        "Burgernet.\nCeci est un appel de Burgernet, l'alerte de quartier de la police. {exercise}\n"
        "{message}\nVoyez-vous cette personne ou ce véhicule ? N'intervenez pas vous-même. "
        "Appelez gratuitement le {number}.\nJe répète : le {number}."
    ),
    exercise="Ceci est un exercice.",
    keys=(
        "Appuyez sur {repeat} pour réécouter le message. "
        "Appuyez sur {seen} si vous avez vu quelque chose. "
        "Appuyez sur {operator} pour parler à la centrale. "
        "Appuyez sur {stop} pour ne plus recevoir d'appels."
    ),
    seen=(
        "Merci. Nous savons que vous avez vu quelque chose. "
        "Appuyez sur {operator} pour le dire maintenant, ou appelez gratuitement le {number}."
    ),
    stop_ask="Vous ne souhaitez plus recevoir d'appels. Appuyez encore une fois sur {stop} pour confirmer.",
    stop_done="Vous ne recevrez plus d'appels de Burgernet. Merci de votre aide.",
    stop_kept="Rien n'a changé. Vous continuerez à recevoir des appels.",
    repeating="Voici le message encore une fois.",
    connecting="Un instant, s'il vous plaît. Nous vous mettons en relation avec la centrale.",
    goodbye="Merci de votre écoute. Au revoir.",
    closing=(
        "Burgernet.\nCeci est un message de Burgernet. {exercise}\n{message}\nL'action est terminée. "
        "Merci de votre aide."
    ),
    correction=(
        "Burgernet.\nCeci complète un appel de Burgernet.\n{message}\n"
        "Voyez-vous cette personne ou ce véhicule ? Appelez gratuitement le {number}.\nJe répète : "
        "le {number}."
    ),
    welcome="Bienvenue chez Burgernet.",
    welcome_action="Bienvenue chez Burgernet. Vous appelez au sujet de : {title}.",
    choose_action="Bienvenue chez Burgernet. Quel appel vous concerne ?\n{choices}",
    choice="Appuyez sur {key} pour : {title}.",
    wait="Restez en ligne, s'il vous plaît. Nous cherchons à joindre quelqu'un.",
    record_tip=(
        "Tout le monde est occupé en ce moment. "
        "Après le bip, dites ce que vous avez vu, où, et à quelle heure. Terminez par la touche dièse. "
        "Y a-t-il un danger ? Raccrochez et appelez le 1 1 2."
    ),
    tip_thanks="Merci. Votre témoignage est transmis tout de suite à la centrale. Au revoir.",
    tip_empty="Nous n'avons rien entendu. N'hésitez pas à rappeler.",
    no_action=(
        "Il n'y a pas en ce moment d'appel pour lequel nous vous avons téléphoné. "
        "Nous vous mettons en relation avec quelqu'un."
    ),
    closed_action="Cette action est terminée. Merci de votre aide.",
    stopped_during_call="L'action vient de se terminer. Merci de votre aide.",
    not_understood="Nous ne connaissons pas cette touche.",
    whisper="Appel au sujet de : {title}. Appuyez sur {accept} pour accepter.",
    whisper_no_action="Appel pour Burgernet, sans action. Appuyez sur {accept} pour accepter.",
    desk_lost="La communication a été coupée. Nous vous remettons en relation.",
    written_after_close="Merci de votre message. Cette alerte Burgernet est terminée. Un danger ? Appelez le 112.",
    written_stop="Vous ne recevrez plus de SMS de Burgernet. Pour revenir, inscrivez-vous sur burgernet.nl.",
)
