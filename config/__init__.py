"""What a telecom engineer edits, and the loader that checks all of it at once.

`load(path)` gives a `Configuration` or raises `ConfigurationFaults`.
"""

from config.document import Configuration
from config.faults import ConfigurationFaults, Fault
from config.loader import load

__all__ = ["Configuration", "ConfigurationFaults", "Fault", "load"]
