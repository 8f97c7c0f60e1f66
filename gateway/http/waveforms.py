"""A sound as a picture: its wave with the words under it, the pauses between them and a scale of seconds. SVG; no I/O."""

from __future__ import annotations

from html import escape

from prompts.waveform import Passage, Waveform

PIXELS_A_SECOND = 110
_MIDDLE, _HALF = 74, 56
_WORDS_AT, _SCALE_AT, _HEIGHT = 150, 172, 180
_LIMIT = 10 ** (-3 / 20)
"""Where peaks must stay under: −3 dBFS."""
_LETTER = 6.7
"""About the width of a letter at 13 px; wider words are drawn narrower, so that none lies over the next."""

_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}" '
    'role="img" font-family="DejaVu Sans, sans-serif" font-size="13"><title>{title}</title>'
    '<rect width="100%" height="100%" fill="#fff"/>'
)


def drawn(sound: Waveform) -> bytes:
    """UTF-8. As wide as it is long, so that two sounds can be compared one above the other."""
    width = max(sound.milliseconds, 1) / 1000 * PIXELS_A_SECOND
    title = f"{sound.milliseconds / 1000:.1f} s, {sound.active_dbm0} dBm0, peak {sound.peak_dbfs} dBFS, {sound.engine}"
    parts = [_HEAD.format(width=width, height=_HEIGHT, title=escape(title))]
    ends = [*(passage.start for passage in sound.passages[1:]), sound.milliseconds]
    parts += [_passage(passage, end) for passage, end in zip(sound.passages, ends, strict=False)]
    parts += [_limit(width, side) for side in (-_LIMIT, _LIMIT)]
    parts.append(_wave(sound, width))
    if not sound.passages:
        parts.append(f'<text x="4" y="{_WORDS_AT}" font-size="12" fill="#14202b">{escape(title)}</text>')
    parts += [_second(number) for number in range(sound.milliseconds // 1000 + 1)]
    return "".join((*parts, "</svg>")).encode()


def _wave(sound: Waveform, width: float) -> str:
    step = width / max(len(sound.peaks), 1)
    upper = [f"{at * step:.1f},{_MIDDLE - high * _HALF:.1f}" for at, (_, high) in enumerate(sound.peaks)]
    lower = [f"{at * step:.1f},{_MIDDLE - low * _HALF:.1f}" for at, (low, _) in enumerate(sound.peaks)]
    return (
        f'<polygon points="{" ".join((*upper, *reversed(lower)))}" fill="#0b4f9e" stroke="#0b4f9e" stroke-width=".6"/>'
    )


def _passage(passage: Passage, until: int) -> str:
    """The words have the time to the next passage's begin to stand in; the pause is told in milliseconds."""
    left, right, end = map(_pixels, (passage.start, passage.end, until))
    room = end - left - 6
    fit = f' textLength="{room:.0f}" lengthAdjust="spacingAndGlyphs"' if len(passage.words) * _LETTER > room > 0 else ""
    pause = until - passage.end
    return (
        f'<rect x="{left:.1f}" y="14" width="{right - left:.1f}" height="120" fill="#eaf1f8"/>'
        f'<text x="{left:.1f}" y="{_WORDS_AT}" fill="#14202b"{fit}>{escape(passage.words)}</text>'
        f'<text x="{(right + end) / 2:.1f}" y="11" text-anchor="middle" font-size="10" fill="#51606e">{pause}</text>'
    )


def _limit(width: float, side: float) -> str:
    y = _MIDDLE - side * _HALF
    return f'<line x1="0" x2="{width:.0f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#b3261e" stroke-width=".5"/>'


def _second(number: int) -> str:
    at = number * PIXELS_A_SECOND
    return (
        f'<line x1="{at}" x2="{at}" y1="{_SCALE_AT - 14}" y2="{_SCALE_AT - 8}" stroke="#51606e"/>'
        f'<text x="{at + 3}" y="{_SCALE_AT}" font-size="10" fill="#51606e">{number} s</text>'
    )


def _pixels(milliseconds: int) -> float:
    return milliseconds / 1000 * PIXELS_A_SECOND
