"""Two thousand texts through two kills of the daemon and four dropped connections: counted at the SMSC against what the API
says, none is lost and none is doubled without being listed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.sms_storm import Storm

MESSAGES = 2_000


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    made = Storm(tmp_path, MESSAGES, per_second=300)
    yield made
    made.stop()


def test_none_is_lost_and_none_silently_doubled(storm: Storm) -> None:
    account = storm.run(kills=2, drops=4, patience=180)
    assert account.lost == frozenset()
    assert account.silent == frozenset()
    assert account.outcomes == {"delivered": MESSAGES}
    assert account.centre["drops"] == 4
    assert max(account.most_megabytes) < 300
