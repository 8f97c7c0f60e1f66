"""Who may have answered: a person, or a machine that talks first and then beeps. Pure; no I/O, no clock.

Nobody is kept waiting for this: we speak at once. A voice that went on for long has talked over us, so that the message
begins anew, once. A beep is a machine, and what it records begins after that. A key is a person, whatever was heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ivr.call import Overheard

LONG_VOICE_MILLISECONDS = 2500
"""A greeting of a person is over by then; one that goes on is a machine's, or somebody who has not heard us."""


class Believed(StrEnum):
    SOMEBODY = "somebody"
    TALKED_OVER = "somebody who talked for long"
    MACHINE = "machine"
    PERSON = "person"


class Sign(StrEnum):
    LONG_VOICE_OVER = "a long voice is over"
    BEEP = "beep"
    KEY = "key"


TABLE: Mapping[tuple[Believed, Sign], Believed] = MappingProxyType(
    {
        (Believed.SOMEBODY, Sign.LONG_VOICE_OVER): Believed.TALKED_OVER,
        (Believed.SOMEBODY, Sign.BEEP): Believed.MACHINE,
        (Believed.SOMEBODY, Sign.KEY): Believed.PERSON,
        (Believed.TALKED_OVER, Sign.BEEP): Believed.MACHINE,
        (Believed.TALKED_OVER, Sign.KEY): Believed.PERSON,
        # Somebody picks up while their machine records.
        (Believed.MACHINE, Sign.KEY): Believed.PERSON,
    }
)
"""What is absent changes nothing: a second long voice, a second beep, whatever a person's telephone sounds like."""


class Ear:
    """`believed` so far; `talking`: a voice is heard at this moment."""

    def __init__(self) -> None:
        self.believed = Believed.SOMEBODY
        self.talking = False

    def overheard(self, what: Overheard, milliseconds: int) -> bool:
        """True when what is being said must begin anew."""
        self.talking = what is Overheard.VOICE_BEGAN
        match what:
            case Overheard.BEEP:
                return self._take(Sign.BEEP)
            case Overheard.VOICE_OVER if milliseconds >= LONG_VOICE_MILLISECONDS:
                return self._take(Sign.LONG_VOICE_OVER)
            case _:
                return False

    def key(self) -> None:
        self._take(Sign.KEY)
        self.talking = False

    def _take(self, sign: Sign) -> bool:
        following = TABLE.get((self.believed, sign))
        if following is None:
            return False
        self.believed = following
        return True
