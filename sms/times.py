"""Times as SMPP writes them (3.4 §7.1.1). No I/O."""

from __future__ import annotations

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MONTH_DAYS, _YEAR_DAYS = 30, 365


def relative_time(seconds: float) -> bytes:
    """So long from when the SMSC takes it, at least a second: `000000010000000R` is an hour.

    Relative, since an SMSC whose clock or time zone is off would read an absolute time as past.
    """
    left = max(int(seconds), 1)
    days, left = divmod(left, _DAY)
    years, days = divmod(days, _YEAR_DAYS)
    months, days = divmod(days, _MONTH_DAYS)
    if years > 99:
        years, months, days, left = 99, 11, 29, _DAY - 1
    hours, left = divmod(left, _HOUR)
    minutes, whole = divmod(left, _MINUTE)
    return b"%02d%02d%02d%02d%02d%02d000R" % (years, months, days, hours, minutes, whole)
