"""The child process around gTTS, which sends the text to a public web service. Its only argument is the service's address.

gTTS prepares the requests; they are sent here, since gTTS itself would not verify the certificate.
"""

from __future__ import annotations

import base64
import re
import sys
from typing import Any

import miniaudio
import requests
from gtts import gTTS

from prompts.engines.worker import CannotSay, serve

_TIMEOUT_SECONDS = 8.0
_RATE = 24000
_AUDIO = re.compile(r'jQ1olc","\[\\"([A-Za-z0-9+/=]*)\\"')
_MAXIMUM_ANSWER = 16 * 1024 * 1024


class Google:
    def __init__(self, address: str) -> None:
        self._address = address
        self._session = requests.Session()

    def speak(self, request: dict[str, Any]) -> tuple[bytes, int]:
        try:
            speech = gTTS(str(request["text"]), lang=str(request["voice"]), lang_check=False)
            mp3 = b"".join(self._send(prepared) for prepared in speech._prepare_requests())
            sound = miniaudio.decode(mp3, miniaudio.SampleFormat.SIGNED16, nchannels=1, sample_rate=_RATE)
        except (requests.RequestException, miniaudio.MiniaudioError, AssertionError, ValueError) as error:
            raise CannotSay(f"the web service did not speak: {type(error).__name__}") from error
        return sound.samples.tobytes(), _RATE

    def _send(self, prepared: requests.PreparedRequest) -> bytes:
        if self._address:
            prepared.url = self._address
        answer = self._session.send(prepared, timeout=_TIMEOUT_SECONDS, verify=True)
        answer.raise_for_status()
        if len(answer.content) > _MAXIMUM_ANSWER:
            raise ValueError("too long an answer")
        found = _AUDIO.search(answer.text)
        if found is None:
            raise ValueError("no sound in the answer")
        return base64.b64decode(found.group(1))


if __name__ == "__main__":
    serve(Google(sys.argv[1] if len(sys.argv) > 1 else "").speak)
