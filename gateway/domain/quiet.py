"""Quiet hours: when people without `night` are left in peace. Pure; the zone's rules come from `zoneinfo`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from foundation.clock import Saved, saved


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` to `end` on the clock of `zone`; they may span midnight. Equal times are no quiet hours at all.

    A participant who said `night` is reached at any hour, every other one is held, whatever the action's kind.
    """

    begin: time
    end: time
    zone: ZoneInfo

    def at(self, moment: Saved) -> bool:
        clock = moment.astimezone(self.zone).time()
        if self.begin <= self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end

    def next_change(self, moment: Saved) -> Saved:
        """When they next begin or end, after this moment."""
        local = moment.astimezone(self.zone)
        days = [local.date() + timedelta(days=ahead) for ahead in range(3)]
        edges = [saved(datetime.combine(day, edge, self.zone)) for day in days for edge in (self.begin, self.end)]
        return min(edge for edge in edges if edge > moment)
