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
module srtp.so
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
    """`speaks` in hertz of a steady tone; None echoes what it hears. `machine`: a greeting of so many seconds, then a beep.
    `more` are account parameters."""

    speaks: float | None = None
    machine: float | None = None
    answers: bool = True
    more: str = ""


class Baresip:
    """`user` is the user part that it is called by (a number, a desk)."""

    def __init__(self, folder: Path, user: str, manner: Manner | None = None) -> None:
        manner = manner or Manner()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port, self._cons, self._control = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM), free_port()
        source = f"aufile,{folder / 'voice.wav'}"
        if manner.machine is not None:
            write_machine(folder / "voice.wav", manner.machine)
        elif manner.speaks is not None:
            write_tone(folder / "voice.wav", manner.speaks)
        else:
            source = "aubridge,sink"
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


def write_tone(path: Path, hertz: float, seconds: float = 120.0) -> None:
    # Long, since baresip hangs up when its file ends.
    _write(path, 8000 * numpy.sin(2 * numpy.pi * hertz * numpy.arange(round(8000 * seconds)) / 8000))


def write_machine(path: Path, greeting_seconds: float) -> None:
    """Something like a voice (harmonics of a moving pitch, four syllables a second), a beep of 400 ms, and two minutes of
    near silence."""
    moments = numpy.arange(round(8000 * greeting_seconds)) / 8000
    pitch = 2 * numpy.pi * numpy.cumsum(140 + 30 * numpy.sin(2 * numpy.pi * 0.7 * moments)) / 8000
    voice = sum(numpy.sin(number * pitch) / number for number in range(1, 15))
    syllables = numpy.clip(1.4 * numpy.sin(2 * numpy.pi * 2 * moments) ** 2, 0, 1)
    beep = 8000 * numpy.sin(2 * numpy.pi * 1000 * numpy.arange(3200) / 8000)
    hiss = numpy.random.default_rng(1).normal(0, 4, 120 * 8000)
    _write(path, numpy.concatenate([5000 * voice * syllables, hiss[:2400], beep, hiss]))


def _write(path: Path, samples: numpy.ndarray) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(samples.astype("<i2").tobytes())


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
