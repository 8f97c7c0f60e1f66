"""Debian's baresip as a telephone: headless, one account, keys by its cons port, calls by its ctrl_tcp port. Blocking."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy

from tests.daemon import eventually, free_port

_CONFIG = """
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
audio_source {source}
audio_player aubridge,sink
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
rtp_ports {rtp}-{rtp_last}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module cons.so
snd_path {folder}
cons_listen 127.0.0.1:{cons}
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""
KEY_RELEASE = b"\x04"


@dataclass(frozen=True, slots=True)
class Manner:
    """`speaks` in hertz of a steady tone; None echoes what it hears. `more` are account parameters."""

    speaks: float | None = None
    answers: bool = True
    more: str = ""


class Baresip:
    """`user` is the user part that it is called by (a number, a desk)."""

    def __init__(self, folder: Path, user: str, manner: Manner | None = None) -> None:
        manner = manner or Manner()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port, self._cons, self._control = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM), free_port()
        source = "aubridge,sink" if manner.speaks is None else f"aufile,{folder / 'voice.wav'}"
        if manner.speaks is not None:
            write_tone(folder / "voice.wav", manner.speaks)
        rtp = 18700 + os.getpid() % 10 * 20
        (folder / "config").write_text(
            _CONFIG.format(
                sip=self.port, source=source, rtp=rtp, rtp_last=rtp + 99, folder=folder, cons=self._cons,
                control=self._control,
            )
        )  # fmt: skip
        mode = "auto" if manner.answers else "manual"
        (folder / "accounts").write_text(
            f"<sip:{user}@127.0.0.1:{self.port}>;regint=0;answermode={mode};"
            f"audio_codecs=PCMA/8000/1,PCMU/8000/1;dtmfmode=rtpevent{manner.more}\n"
        )
        (folder / "contacts").write_text("")
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["baresip", "-4", "-f", str(folder)], cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        eventually(lambda: "baresip is ready" in self.log, 10, f"baresip is ready; its log: {self._log}")

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def press(self, key: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as cons:
            cons.sendto(key.encode(), ("127.0.0.1", self._cons))
            cons.sendto(KEY_RELEASE, ("127.0.0.1", self._cons))

    def dial(self, uri: str) -> None:
        self._command("dial", uri)

    def hang_up(self) -> None:
        self._command("hangup")

    def _command(self, name: str, parameters: str = "") -> None:
        message = json.dumps({"command": name, "params": parameters}).encode()
        with socket.create_connection(("127.0.0.1", self._control), 5) as control:
            control.sendall(f"{len(message)}:".encode() + message + b",")
            control.recv(4096)

    def heard(self) -> numpy.ndarray:
        """Everything that it heard so far in its calls, 8 kHz."""
        return joined(sorted(self.folder.glob("dump-*-dec.wav")))

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


def write_tone(path: Path, hertz: float, seconds: float = 4.0) -> None:
    moments = numpy.arange(round(8000 * seconds)) / 8000
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((8000 * numpy.sin(2 * numpy.pi * hertz * moments)).astype("<i2").tobytes())


def joined(paths: list[Path]) -> numpy.ndarray:
    """The samples of WAV files that may still be written to: whatever their headers say of their length."""
    pieces = [numpy.frombuffer(path.read_bytes()[44:][: (path.stat().st_size - 44) // 2 * 2], "<i2") for path in paths]
    return numpy.concatenate(pieces).astype(float) if pieces else numpy.zeros(0)


def seconds_of(samples: numpy.ndarray, hertz: float) -> float:
    """For how long a tone of this frequency is the most of what is heard."""
    windows = samples[: len(samples) // 400 * 400].reshape(-1, 400)
    if not len(windows):
        return 0.0
    turning = numpy.exp(-2j * numpy.pi * hertz * numpy.arange(400) / 8000)
    power = (windows**2).mean(axis=1)
    tone = 2 * numpy.abs(windows @ turning / 400) ** 2
    return float(((power > 1000) & (tone > 0.6 * power)).sum()) * 0.05
