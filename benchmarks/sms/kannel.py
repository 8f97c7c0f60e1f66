"""Kannel (Debian's bearerbox and smsbox) as a client of an SMSC, fed over its own HTTP interface."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from pathlib import Path

from tests.daemon import eventually, free_port

_CONNECTIONS = 16
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
_TEXT = "Let+op+een+rode+fiets."


def installed() -> bool:
    return shutil.which("bearerbox") is not None and shutil.which("smsbox") is not None


class Kannel:
    """As it comes: no store on disk and receipts in memory, the fastest that it goes and less than what the gateway
    promises. `kept`: messages and receipts in its spool, so that a kill loses nothing (it syncs no disk, as the gateway
    does)."""

    def __init__(self, directory: Path, smsc_port: int, window: int, *, kept: bool = False) -> None:
        self._sendsms = free_port()
        self._receipts = free_port()
        admin, box = free_port(), free_port()
        file = directory / "kannel.conf"
        keeping = "dlr-storage = internal"
        if kept:
            for name in ("store", "receipts"):
                (directory / name).mkdir()
            keeping = f"""store-type = spool
store-location = "{directory / "store"}"
dlr-storage = spool
dlr-spool = "{directory / "receipts"}\""""
        file.write_text(
            f"""
group = core
admin-port = {admin}
admin-password = bench
smsbox-port = {box}
box-allow-ip = "127.0.0.1"
{keeping}
log-level = 4

group = smsc
smsc = smpp
smsc-id = centre
host = 127.0.0.1
port = {smsc_port}
smsc-username = gateway
smsc-password = secret
system-type = ""
transceiver-mode = true
max-pending-submits = {window}
source-addr-ton = 5
source-addr-npi = 0
dest-addr-ton = 1
dest-addr-npi = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {self._sendsms}
global-sender = Burgernet
log-level = 4

group = sendsms-user
username = bench
password = bench
max-messages = 1
concatenation = true
"""
        )
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": str(directory)}
        self._processes = [subprocess.Popen(["bearerbox", "-v", "4", str(file)], **quiet)]  # type: ignore[call-overload]  # one mapping for both
        eventually(lambda: _listens(box), 20, "bearerbox listens")
        self._processes.append(subprocess.Popen(["smsbox", "-v", "4", str(file)], **quiet))  # type: ignore[call-overload]  # as above
        eventually(lambda: _listens(self._sendsms), 20, "smsbox listens")

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(20)

    def send(self, messages: int) -> None:
        """Gives all of them over HTTP, and answers the call that it makes for each receipt until all have come."""
        asyncio.run(self._send(messages))

    async def _send(self, messages: int) -> None:
        done = asyncio.Event()
        heard = 0

        async def receipts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal heard
            while True:
                try:
                    await reader.readuntil(b"\r\n\r\n")
                except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                    writer.close()
                    return
                writer.write(_ANSWER)
                heard += 1
                if heard >= messages:
                    done.set()

        server = await asyncio.start_server(receipts, "127.0.0.1", self._receipts)
        numbers = iter(range(messages))
        await asyncio.gather(*(self._feed(numbers) for _ in range(_CONNECTIONS)))
        await asyncio.wait_for(done.wait(), 120)
        server.close()

    async def _feed(self, numbers: object) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._sendsms)
        report = f"http%3A%2F%2F127.0.0.1%3A{self._receipts}%2F"
        for number in numbers:  # type: ignore[attr-defined]  # an iterator shared by all
            path = (
                f"/cgi-bin/sendsms?username=bench&password=bench&to=316{10_000_000 + number}"
                f"&text={_TEXT}&dlr-mask=3&dlr-url={report}"
            )
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202"), head
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
        writer.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
