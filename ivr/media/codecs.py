"""G.711 A-law and µ-law by table, G.722 by its module, and transcoding between two legs. No I/O.

Samples are int16 at 8 kHz throughout: G.722 is coded with its low band only, which is all that a telephone
prompt or the other leg of a G.711 bridge holds. ITU-T G.711, G.722; RFC 3551 §4.5.
"""

from __future__ import annotations

import numpy
from G722 import G722
from numpy.typing import NDArray

from foundation.sound import Codec

Samples = NDArray[numpy.int16]
Octets = NDArray[numpy.uint8]

STATIC_PAYLOAD_TYPES: dict[Codec, int] = {"PCMU": 0, "PCMA": 8, "G722": 9}
_G722_RATES = (8000, 64000)


def _alaw_decoder() -> Samples:
    code = numpy.arange(256) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = numpy.where(
        exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << numpy.maximum(exponent - 1, 0)
    )
    return numpy.where(code & 0x80, magnitude, -magnitude).astype(numpy.int16)


def _alaw_encoder() -> Octets:
    """By the 16-bit pattern of a sample: 64k entries, 1 ns a sample (a search in the thresholds takes 20)."""
    sample = numpy.arange(65536, dtype=numpy.uint16).view(numpy.int16).astype(numpy.int32)
    value = numpy.where(sample >= 0, sample, ~sample) >> 4
    exponent = numpy.maximum(numpy.floor(numpy.log2(numpy.maximum(value, 1))).astype(numpy.int32) - 3, 0)
    shifted = numpy.where(exponent > 1, value >> numpy.maximum(exponent - 1, 0), value)
    code = numpy.where(exponent == 0, value, (exponent << 4) | (shifted & 15))
    octets: Octets = ((code | numpy.where(sample >= 0, 0x80, 0)) ^ 0x55).astype(numpy.uint8)
    return octets


def _mulaw_decoder() -> Samples:
    code = ~numpy.arange(256) & 0xFF
    magnitude = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return numpy.where(code & 0x80, -magnitude, magnitude).astype(numpy.int16)


def _mulaw_encoder() -> Octets:
    sample = numpy.arange(65536, dtype=numpy.uint16).view(numpy.int16).astype(numpy.int32)
    value = numpy.minimum(numpy.abs(sample), 32635) + 0x84
    exponent = numpy.floor(numpy.log2(value)).astype(numpy.int32) - 7
    code = (exponent << 4) | ((value >> (exponent + 3)) & 15)
    octets: Octets = (~(code | numpy.where(sample < 0, 0x80, 0)) & 0xFF).astype(numpy.uint8)
    return octets


_DECODERS: dict[Codec, Samples] = {"PCMA": _alaw_decoder(), "PCMU": _mulaw_decoder()}
_ENCODERS: dict[Codec, Octets] = {"PCMA": _alaw_encoder(), "PCMU": _mulaw_encoder()}


class Decoder:
    """One direction of one stream; G.722 adapts, so its packets must come in order."""

    def __init__(self, codec: Codec) -> None:
        self._table = _DECODERS.get(codec)
        self._g722 = G722(*_G722_RATES) if self._table is None else None

    def decode(self, payload: bytes) -> Samples:
        """Any bytes are sound: 8 samples a millisecond, one a byte."""
        if self._table is not None:
            return self._table[numpy.frombuffer(payload, dtype=numpy.uint8)]
        if not payload:
            return numpy.zeros(0, dtype=numpy.int16)
        assert self._g722 is not None
        return numpy.asarray(self._g722.decode(payload), dtype=numpy.int16)


class Encoder:
    """One direction of one stream; for G.722 an even number of samples keeps its phase."""

    def __init__(self, codec: Codec) -> None:
        self._table = _ENCODERS.get(codec)
        self._g722 = G722(*_G722_RATES) if self._table is None else None

    def encode(self, samples: Samples) -> bytes:
        if self._table is not None:
            return self._table[samples.view(numpy.uint16)].tobytes()
        if not len(samples):
            return b""
        assert self._g722 is not None
        return bytes(self._g722.encode(samples))


_TRANSLATIONS: dict[tuple[Codec, Codec], bytes] = {
    ("PCMA", "PCMU"): Encoder("PCMU").encode(_DECODERS["PCMA"]),
    ("PCMU", "PCMA"): Encoder("PCMA").encode(_DECODERS["PCMU"]),
}


class Transcoder:
    """Payloads of one codec into another, in order. Between the two laws one table look-up a byte is all it takes."""

    def __init__(self, source: Codec, target: Codec) -> None:
        self._translation = _TRANSLATIONS.get((source, target))
        self._decoder = Decoder(source)
        self._encoder = Encoder(target)

    def convert(self, payload: bytes) -> bytes:
        if self._translation is not None:
            return payload.translate(self._translation)
        return self._encoder.encode(self._decoder.decode(payload))


def silence(codec: Codec, octets: int) -> bytes:
    """So many bytes of stillness; for G.722 the one byte whose repetition decodes to at most 2 of 32767 (its encoder
    makes a faint limit cycle of zeros)."""
    return _SILENCE[codec] * octets


_SILENCE: dict[Codec, bytes] = {"PCMA": b"\xd5", "PCMU": b"\xff", "G722": b"\xff"}
