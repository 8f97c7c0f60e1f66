"""The fixed texts in Dutch. No I/O."""

from __future__ import annotations

from prompts.phrases.texts import Texts

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
    written_after_close="Bedankt voor uw bericht. Deze Burgernet-actie is afgelopen. Is er gevaar? Bel 112.",
    written_stop="U krijgt geen sms van Burgernet meer. Weer meedoen? Meld u opnieuw aan op burgernet.nl.",
)
