"""The fixed texts in German. No I/O."""

from __future__ import annotations

from prompts.phrases.texts import Texts

GERMAN = Texts(
    alert=(
        "Burgernet.\nDies ist ein Aufruf von Burgernet, dem Nachbarschaftsalarm der Polizei. {exercise}\n"
        "{message}\nSehen Sie diese Person oder dieses Fahrzeug? Greifen Sie nicht selbst ein. "
        "Rufen Sie kostenlos an: {number}.\nIch wiederhole: {number}."
    ),
    exercise="Dies ist eine Übung.",
    keys=(
        "Drücken Sie {repeat}, um die Nachricht noch einmal zu hören. "
        "Drücken Sie {seen}, wenn Sie etwas gesehen haben. "
        "Drücken Sie {operator}, um mit der Leitstelle zu sprechen. "
        "Drücken Sie {stop}, um keine Anrufe mehr zu erhalten."
    ),
    seen=(
        "Danke. Wir wissen, dass Sie etwas gesehen haben. "
        "Drücken Sie {operator}, um es jetzt zu erzählen, oder rufen Sie kostenlos an: {number}."
    ),
    stop_ask="Sie möchten keine Anrufe mehr erhalten. Drücken Sie noch einmal {stop}, um das zu bestätigen.",
    stop_done="Sie erhalten keine Anrufe mehr von Burgernet. Danke für Ihre Hilfe.",
    stop_kept="Es hat sich nichts geändert. Sie erhalten weiterhin Anrufe.",
    repeating="Die Nachricht folgt noch einmal.",
    connecting="Einen Moment bitte. Sie werden mit der Leitstelle verbunden.",
    goodbye="Danke fürs Zuhören. Auf Wiederhören.",
    closing=(
        "Burgernet.\nDies ist eine Nachricht von Burgernet. {exercise}\n{message}\nDie Aktion ist beendet. "
        "Danke für Ihre Hilfe."
    ),
    correction=(
        "Burgernet.\nDies ist eine Ergänzung zu einem Aufruf von Burgernet.\n{message}\n"
        "Sehen Sie diese Person oder dieses Fahrzeug? Rufen Sie kostenlos an: {number}.\nIch wiederhole: "
        "{number}."
    ),
    welcome="Willkommen bei Burgernet.",
    welcome_action="Willkommen bei Burgernet. Sie rufen an wegen: {title}.",
    choose_action="Willkommen bei Burgernet. Wegen welches Aufrufs rufen Sie an?\n{choices}",
    choice="Drücken Sie {key} für: {title}.",
    wait="Bitte bleiben Sie am Apparat. Wir versuchen, jemanden zu erreichen.",
    record_tip=(
        "Im Moment sind alle im Gespräch. "
        "Sagen Sie nach dem Ton, was Sie gesehen haben, wo, und um wie viel Uhr. "
        "Beenden Sie mit der Rautetaste. Besteht Gefahr? Legen Sie auf und wählen Sie 1 1 2."
    ),
    tip_thanks="Danke. Ihr Hinweis geht sofort an die Leitstelle. Auf Wiederhören.",
    tip_empty="Wir haben nichts gehört. Rufen Sie gern noch einmal an.",
    no_action=("Zurzeit gibt es keinen Aufruf, für den wir Sie angerufen haben. Sie werden mit jemandem verbunden."),
    closed_action="Diese Aktion ist beendet. Danke für Ihre Hilfe.",
    stopped_during_call="Die Aktion wurde soeben beendet. Danke für Ihre Hilfe.",
    not_understood="Diese Taste kennen wir nicht.",
    whisper="Anrufer wegen: {title}. Drücken Sie {accept}, um anzunehmen.",
    whisper_no_action="Anrufer für Burgernet, ohne Aktion. Drücken Sie {accept}, um anzunehmen.",
    desk_lost="Die Verbindung wurde unterbrochen. Sie werden erneut verbunden.",
    written_after_close="Danke für Ihre Nachricht. Diese Burgernet-Aktion ist beendet. Gefahr? Rufen Sie 112 an.",
    written_stop="Sie bekommen keine SMS von Burgernet mehr. Wieder dabei sein? Anmelden auf burgernet.nl.",
)
