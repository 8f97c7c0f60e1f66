"""Texts through SIGKILLs of the daemon and dropped connections, counted at the SMSC against what the API says.

    python -m benchmarks.sms.kills [--messages 100000] [--kills 5] [--drops 20]

Ends with 1 where a message is lost or doubled without being listed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.interop.sms_storm import Storm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--drops", type=int, default=20)
    parser.add_argument("--rate", type=int, default=20_000, help="segments_per_second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        storm = Storm(Path(directory), options.messages, per_second=options.rate)
        try:
            account = storm.run(options.kills, options.drops, patience=1_200)
        finally:
            storm.stop()
    print(f"{account.messages} messages, {options.kills} kills, {options.drops} drops, {account.seconds:.0f} s")
    print(f"  outcomes          {account.outcomes}")
    print(f"  lost              {len(account.lost)}")
    print(f"  taken twice       {account.doubled}, of which not listed as possible duplicates: {len(account.silent)}")
    print(f"  listed            {account.listed} possible duplicates")
    print(f"  most memory       {account.most_megabytes} MB, one a process")
    print(f"  at the SMSC       {account.centre}")
    if account.lost or account.silent:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
