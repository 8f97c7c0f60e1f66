"""SIPp as the telephone network: a process that plays people by their number, and what its trace says of the wire."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.daemon import free_port

_SCENARIO = Path(__file__).with_name("sipp") / "people.xml"
_STAMP = re.compile(r"^-{20,} \S+[\sT]+(\d+):(\d+):(\d+\.\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """One message as SIPp saw it. `moment` in seconds of the day; `line` its start line."""

    moment: float
    received: bool
    line: str
    call_id: str
    cseq: str
    text: str


class SippPeople:
    """`sipp` with the scenario `people.xml`, tracing every message to a file. `echo`: sound comes back to who sends it.
    `listens_at`: the port that people name for their sound, where SIPp itself is not to have it. `at_once`: how many calls
    it can have."""

    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        trace: bool = True,
        echo: bool = False,
        listens_at: int | None = None,
        at_once: int = 2000,
    ) -> None:
        self.port = port
        self._trace = directory / f"sipp-{port}.messages"
        media_port = 40000 + free_port() % 10000 * 2
        tracing = ["-trace_msg", "-message_file", str(self._trace), "-message_overwrite", "false"] if trace else []
        scenario = _SCENARIO
        if listens_at is not None:
            scenario = directory / f"people-{port}.xml"
            scenario.write_text(_SCENARIO.read_text().replace("[media_port]", str(listens_at)))
        self._process = subprocess.Popen(
            [
                "sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-mp", str(media_port),
                "-nostdin", "-l", str(at_once),
                "-nd", *tracing, *(["-rtp_echo"] if echo else []),
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def trace(self) -> list[Seen]:
        """Everything that was seen so far, in order."""
        return list(_parse(self._trace.read_text(errors="replace"))) if self._trace.exists() else []


def _parse(text: str) -> Iterator[Seen]:
    stamps = list(_STAMP.finditer(text))
    for index, stamp in enumerate(stamps):
        end = stamps[index + 1].start() if index + 1 < len(stamps) else len(text)
        head, _, message = text[stamp.end() : end].partition("\n\n")
        message = message.lstrip()
        hours, minutes, seconds = stamp.groups()
        yield Seen(
            moment=int(hours) * 3600 + int(minutes) * 60 + float(seconds),
            received="received" in head,
            line=message.split("\n", 1)[0].strip(),
            call_id=_header(message, "Call-ID"),
            cseq=_header(message, "CSeq"),
            text=message,
        )


def _header(message: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(.*?)\s*$", message, re.MULTILINE | re.IGNORECASE)
    return found.group(1) if found else ""


def new_calls(trace: list[Seen]) -> list[Seen]:
    """The first INVITE of each call (a retransmission is no new call)."""
    known: set[str] = set()
    first = []
    for seen in trace:
        if seen.received and seen.line.startswith("INVITE ") and seen.call_id not in known:
            known.add(seen.call_id)
            first.append(seen)
    return first


def lateness(trace: list[Seen]) -> float:
    """How late SIPp was at the worst, in seconds: its people answer 200 ms after they begin to ring, says the scenario."""
    rang: dict[str, float] = {}
    late = 0.0
    for seen in trace:
        if seen.received or "INVITE" not in seen.cseq:
            continue
        if seen.line.startswith("SIP/2.0 180"):
            rang[seen.call_id] = seen.moment
        elif seen.line.startswith("SIP/2.0 200") and seen.call_id in rang:
            late = max(late, seen.moment - rang.pop(seen.call_id) - 0.2)
    return late


def most_at_once(trace: list[Seen]) -> int:
    """How many calls were up at the same time: from the INVITE to its refusal, or to the BYE."""
    up: set[str] = set()
    most = 0
    for seen in trace:
        if seen.received and seen.line.startswith("INVITE "):
            up.add(seen.call_id)
        elif seen.line.startswith("BYE ") or (
            not seen.received and re.match(r"SIP/2.0 [3-6]", seen.line) and "INVITE" in seen.cseq
        ):
            up.discard(seen.call_id)
        most = max(most, len(up))
    return most
