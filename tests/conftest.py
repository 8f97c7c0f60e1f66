"""What all tests share."""

from hypothesis import HealthCheck, settings

# A busy machine is slow, not wrong: no example is timed.
settings.register_profile("burgernet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("burgernet")
