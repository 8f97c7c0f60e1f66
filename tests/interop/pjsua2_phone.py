"""A telephone made of pjsua2, as a program: `python -m tests.interop.pjsua2_phone PORT FOLDER [KEY [URI]]`.

It answers every call with a tone of 620 Hz, records what it hears to `FOLDER/heard.wav`, and presses KEY three seconds into
a call; with a URI it calls there once it is ready. What happens is told on standard output, a word a line. It ends with its
standard input. A program of its own, since pjlib wants a process and a thread to itself.
"""

from __future__ import annotations

import gc
import select
import sys
import time
from pathlib import Path
from typing import Any

import pjsua2

from tests.interop.baresip_phone import write_tone

HERTZ = 620.0
_KEY_SECONDS = 3.0


class _Call(pjsua2.Call):  # type: ignore[misc]  # the wheel has no types
    def __init__(self, phone: _Phone, account: Any, number: int = -1) -> None:
        super().__init__(account, number)
        self._phone = phone
        self._player: Any = None
        self.up_at: float | None = None

    def onCallState(self, parameters: Any) -> None:
        info = self.getInfo()
        _say(info.stateText.lower())
        if info.state == pjsua2.PJSIP_INV_STATE_DISCONNECTED:
            self._phone.call = None

    def onCallMediaState(self, parameters: Any) -> None:
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type == pjsua2.PJMEDIA_TYPE_AUDIO and media.status == pjsua2.PJSUA_CALL_MEDIA_ACTIVE:
                sound = self.getAudioMedia(index)
                sound.startTransmit(self._phone.recorder)
                self._player = pjsua2.AudioMediaPlayer()
                self._player.createPlayer(str(self._phone.folder / "voice.wav"))
                self._player.startTransmit(sound)
                self.up_at = time.monotonic()

    def onDtmfDigit(self, parameters: Any) -> None:
        _say(f"digit {parameters.digit}")


class _Account(pjsua2.Account):  # type: ignore[misc]  # as above
    def __init__(self, phone: _Phone) -> None:
        super().__init__()
        self._phone = phone

    def onIncomingCall(self, parameters: Any) -> None:
        call = self._phone.call = _Call(self._phone, self, parameters.callId)
        answer = pjsua2.CallOpParam()
        answer.statusCode = 180
        call.answer(answer)
        answer.statusCode = 200
        call.answer(answer)


class _Phone:
    def __init__(self, port: int, folder: Path, key: str | None) -> None:
        self.folder = folder
        self.call: _Call | None = None
        self._key = key
        write_tone(folder / "voice.wav", HERTZ)
        self._endpoint = pjsua2.Endpoint()
        self._endpoint.libCreate()
        settings = pjsua2.EpConfig()
        settings.uaConfig.threadCnt, settings.uaConfig.mainThreadOnly = 0, True
        settings.logConfig.level = settings.logConfig.consoleLevel = 0
        settings.medConfig.clockRate = settings.medConfig.sndClockRate = 8000
        self._endpoint.libInit(settings)
        transport = pjsua2.TransportConfig()
        transport.port, transport.boundAddress = port, "127.0.0.1"
        self._endpoint.transportCreate(pjsua2.PJSIP_TRANSPORT_UDP, transport)
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        self.recorder = pjsua2.AudioMediaRecorder()
        self.recorder.createRecorder(str(folder / "heard.wav"))
        account = pjsua2.AccountConfig()
        account.idUri = f"sip:phone@127.0.0.1:{port}"
        account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        account.mediaConfig.transportConfig.publicAddress = "127.0.0.1"
        self._account = _Account(self)
        self._account.create(account)

    def dial(self, uri: str) -> None:
        self.call = _Call(self, self._account)
        self.call.makeCall(uri, pjsua2.CallOpParam(True))

    def run(self) -> None:
        """Until standard input ends."""
        call = None
        _say("ready")
        while not (select.select([sys.stdin], [], [], 0)[0] and not sys.stdin.readline()):
            self._endpoint.libHandleEvents(20)
            call = self.call
            if self._key and call is not None and call.up_at and time.monotonic() > call.up_at + _KEY_SECONDS:
                call.dialDtmf(self._key)
                self._key = None
        # What is left of sound must go before the library, in this order, or pjlib ends the process.
        del call, self.call, self.recorder, self._account
        gc.collect()
        self._endpoint.libDestroy()


def _say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    port, folder, *more = sys.argv[1:]
    phone = _Phone(int(port), Path(folder), more[0] if more else None)
    if len(more) > 1:
        phone.dial(more[1])
    phone.run()
