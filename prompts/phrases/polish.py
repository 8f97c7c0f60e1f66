"""The fixed texts in Polish. No I/O."""

from __future__ import annotations

from prompts.phrases.texts import Texts

POLISH = Texts(
    alert=(
        "Burgernet.\nTo jest wezwanie Burgernet, policyjnego alarmu sąsiedzkiego. {exercise}\n{message}\n"
        "Czy widzisz tę osobę lub ten pojazd? Nie działaj samodzielnie. "
        "Zadzwoń bezpłatnie pod numer {number}.\nPowtarzam: {number}."
    ),
    exercise="To są ćwiczenia.",
    keys=(
        "Naciśnij {repeat}, aby usłyszeć wiadomość jeszcze raz. Naciśnij {seen}, jeśli coś widziałeś. "
        "Naciśnij {operator}, aby porozmawiać z dyspozytornią. "
        "Naciśnij {stop}, aby nie otrzymywać więcej połączeń."
    ),
    seen=(
        "Dziękujemy. Wiemy, że coś zauważono. "
        "Naciśnij {operator}, aby opowiedzieć o tym teraz, lub zadzwoń bezpłatnie pod numer {number}."
    ),
    stop_ask="Nie chcesz otrzymywać więcej połączeń. Naciśnij jeszcze raz {stop}, aby potwierdzić.",
    stop_done="Nie będziesz otrzymywać więcej połączeń od Burgernet. Dziękujemy za pomoc.",
    stop_kept="Nic się nie zmieniło. Nadal będziesz otrzymywać połączenia.",
    repeating="Wiadomość zostanie powtórzona.",
    connecting="Proszę chwilę poczekać. Łączymy z dyspozytornią.",
    goodbye="Dziękujemy za wysłuchanie. Do widzenia.",
    closing=(
        "Burgernet.\nTo jest wiadomość od Burgernet. {exercise}\n{message}\nAkcja została zakończona. "
        "Dziękujemy za pomoc."
    ),
    correction=(
        "Burgernet.\nTo jest uzupełnienie wezwania Burgernet.\n{message}\n"
        "Czy widzisz tę osobę lub ten pojazd? Zadzwoń bezpłatnie pod numer {number}.\nPowtarzam: "
        "{number}."
    ),
    welcome="Witamy w Burgernet.",
    welcome_action="Witamy w Burgernet. Dzwonisz w sprawie: {title}.",
    choose_action="Witamy w Burgernet. W sprawie którego wezwania dzwonisz?\n{choices}",
    choice="Naciśnij {key}: {title}.",
    wait="Proszę nie rozłączać się. Próbujemy połączyć z pracownikiem.",
    record_tip=(
        "W tej chwili wszyscy są zajęci. Po sygnale powiedz, co widziałeś, gdzie i o której godzinie. "
        "Zakończ krzyżykiem. Czy jest niebezpiecznie? Rozłącz się i zadzwoń pod 1 1 2."
    ),
    tip_thanks="Dziękujemy. Informacja trafi natychmiast do dyspozytorni. Do widzenia.",
    tip_empty="Nic nie usłyszeliśmy. Prosimy zadzwonić jeszcze raz.",
    no_action="Nie ma teraz wezwania, w sprawie którego dzwoniliśmy. Łączymy z pracownikiem.",
    closed_action="Ta akcja została zakończona. Dziękujemy za pomoc.",
    stopped_during_call="Akcja właśnie się zakończyła. Dziękujemy za pomoc.",
    not_understood="Nie znamy tego klawisza.",
    whisper="Rozmówca w sprawie: {title}. Naciśnij {accept}, aby odebrać.",
    whisper_no_action="Rozmówca do Burgernet, bez akcji. Naciśnij {accept}, aby odebrać.",
    desk_lost="Połączenie zostało przerwane. Łączymy ponownie.",
    written_after_close="Ta akcja Burgernet jest zakończona. Niebezpieczeństwo? Dzwoń: 112.",
    written_stop="Nie będzie więcej SMS-ów od Burgernet. Zapisy: burgernet.nl.",
)
