"""The run ends with how many cases there were."""

import pytest

from tests.fuzz.cases import counts


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if counts:
        terminalreporter.section("cases")
        for kind, number in sorted(counts.items()):
            terminalreporter.write_line(f"{number:>12,}  {kind}")
        terminalreporter.write_line(f"{sum(counts.values()):>12,}  in all")
