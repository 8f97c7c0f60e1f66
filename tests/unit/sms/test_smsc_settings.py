"""What an [[smsc]] may not say is found when the configuration is checked, and the password is not shown by it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.faults import ConfigurationFaults
from config.loader import load
from tests.unit.config.test_loader import SHIPPED
from tests.unit.sms.pair import smsc_settings


def test_a_password_that_no_bind_can_carry_is_found_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(SHIPPED.read_text().replace('password = "laptop"\n# bind', 'password = "ninechars"\n# bind'))
    with pytest.raises(ConfigurationFaults) as caught:
        load(file)
    (words,) = [str(fault) for fault in caught.value.faults if "smsc[0].password" in str(fault)]
    assert "8" in words
    assert "ninechars" not in "".join(map(str, caught.value.faults))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("binds", 0),
        ("binds", 17),
        ("test_at", "24:00"),
        ("test_at", "7:30"),
        ("window", 0),
        ("segments_per_second", 0),
        ("system_id", "sixteen-letters-"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        smsc_settings(**{name: value})
