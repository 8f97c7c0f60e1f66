"""The fixed texts in Turkish. No I/O."""

from __future__ import annotations

from prompts.phrases.texts import Texts

TURKISH = Texts(
    alert=(
        "Burgernet.\nBu, polisin mahalle uyarısı olan Burgernet'in bir çağrısıdır. {exercise}\n{message}\n"
        "Bu kişiyi veya aracı görüyor musunuz? Kendiniz müdahale etmeyin. Ücretsiz arayın: {number}.\n"
        "Tekrar ediyorum: {number}."
    ),
    exercise="Bu bir tatbikattır.",
    keys=(
        "Mesajı tekrar dinlemek için {repeat} tuşuna basın. Bir şey gördüyseniz {seen} tuşuna basın. "
        "Merkezle görüşmek için {operator} tuşuna basın. "
        "Artık aranmak istemiyorsanız {stop} tuşuna basın."
    ),
    seen=(
        "Teşekkürler. Bir şey gördüğünüzü biliyoruz. "
        "Şimdi anlatmak için {operator} tuşuna basın, ya da ücretsiz arayın: {number}."
    ),
    stop_ask="Artık aranmak istemiyorsunuz. Onaylamak için bir kez daha {stop} tuşuna basın.",
    stop_done="Burgernet sizi artık aramayacak. Yardımınız için teşekkürler.",
    stop_kept="Hiçbir şey değişmedi. Aranmaya devam edeceksiniz.",
    repeating="Mesaj bir kez daha okunuyor.",
    connecting="Bir dakika lütfen. Merkeze bağlanıyorsunuz.",
    goodbye="Dinlediğiniz için teşekkürler. Hoşça kalın.",
    closing=(
        "Burgernet.\nBu, Burgernet'ten bir mesajdır. {exercise}\n{message}\nÇalışma sona erdi. "
        "Yardımınız için teşekkürler."
    ),
    correction=(
        "Burgernet.\nBu, bir Burgernet çağrısına ektir.\n{message}\nBu kişiyi veya aracı görüyor musunuz? "
        "Ücretsiz arayın: {number}.\nTekrar ediyorum: {number}."
    ),
    welcome="Burgernet'e hoş geldiniz.",
    welcome_action="Burgernet'e hoş geldiniz. Arama konunuz: {title}.",
    choose_action="Burgernet'e hoş geldiniz. Hangi çağrı için arıyorsunuz?\n{choices}",
    choice="{title} için {key} tuşuna basın.",
    wait="Lütfen hatta kalın. Bir görevliye ulaşmaya çalışıyoruz.",
    record_tip=(
        "Şu anda tüm görevliler meşgul. "
        "Sinyalden sonra ne gördüğünüzü, nerede ve saat kaçta gördüğünüzü söyleyin. "
        "Kare tuşuyla bitirin. Tehlike var mı? Kapatın ve 1 1 2'yi arayın."
    ),
    tip_thanks="Teşekkürler. Bilginiz hemen merkeze iletilecek. Hoşça kalın.",
    tip_empty="Hiçbir şey duymadık. Lütfen tekrar arayın.",
    no_action="Şu anda sizi aradığımız bir çağrı yok. Bir görevliye bağlanıyorsunuz.",
    closed_action="Bu çalışma sona erdi. Yardımınız için teşekkürler.",
    stopped_during_call="Çalışma az önce sona erdi. Yardımınız için teşekkürler.",
    not_understood="Bu tuşu tanımıyoruz.",
    whisper="Arayan var, konu: {title}. Kabul etmek için {accept} tuşuna basın.",
    whisper_no_action="Burgernet için arayan var, çağrı yok. Kabul etmek için {accept} tuşuna basın.",
    desk_lost="Bağlantı koptu. Yeniden bağlanıyorsunuz.",
    written_after_close="Bu Burgernet çalışması sona erdi. Tehlike var mı? 112'yi arayın.",
    written_stop="Burgernet'ten artık SMS almayacaksınız. Yeniden katılım: burgernet.nl",
)
