"""Debian's Kamailio and rtpengine between the daemon and a telephone: signalling and sound go through them. Blocking."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.daemon import eventually, free_port

_ROUTES = """
debug=1
log_stderror=yes
children=1
auto_aliases=no
listen=udp:127.0.0.1:{port}
disable_tcp=yes
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "rtpengine.so"
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{control}")
request_route {{
  if (is_method("OPTIONS") && !has_totag()) {{
    sl_send_reply("200", "OK");
    exit;
  }}
  if (is_method("CANCEL")) {{
    if (t_check_trans()) t_relay();
    exit;
  }}
  if (has_totag()) {{
    if (!loose_route()) {{
      if (is_method("ACK") && t_check_trans()) t_relay();
      exit;
    }}
    rtpengine_manage("replace-origin");
    t_on_reply("SOUND");
    t_relay();
    exit;
  }}
  if (is_method("INVITE")) {{
    record_route();
    rtpengine_manage("replace-origin");
    t_on_reply("SOUND");
  }}
  if ($sp == {daemon}) {{
    $du = "sip:127.0.0.1:{phone}";
  }} else {{
    $du = "sip:127.0.0.1:{daemon}";
  }}
  t_relay();
}}
onreply_route[SOUND] {{
  if (has_body("application/sdp")) rtpengine_manage("replace-origin");
}}
"""
FIRST_PORT, LAST_PORT = 18800, 18899


@dataclass(frozen=True, slots=True)
class Between:
    """The two that it stands between, by their SIP ports."""

    daemon: int
    phone: int


class KamailioPath:
    """`port` is where both sides send their SIP; sound is relayed from ports `FIRST_PORT` to `LAST_PORT`."""

    def __init__(self, folder: Path, port: int, between: Between) -> None:
        folder.mkdir()
        control = free_port(socket.SOCK_DGRAM)
        (folder / "kamailio.cfg").write_text(
            _ROUTES.format(port=port, control=control, daemon=between.daemon, phone=between.phone)
        )
        self._logs: list[Path] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start(
            folder, "rtpengine", "--foreground", "--table=-1", "--interface=127.0.0.1", "--log-stderr", "--num-threads=1",
            f"--listen-ng=127.0.0.1:{control}", f"--port-min={FIRST_PORT}", f"--port-max={LAST_PORT}",
            f"--pidfile={folder / 'rtpengine.pid'}",
        )  # fmt: skip
        eventually(lambda: _in_use(control), 10, f"rtpengine listens; its log: {self._logs[-1]}")
        self._start(
            folder, "kamailio", "-DD", "-E", "-f", str(folder / "kamailio.cfg"), "-P", str(folder / "kamailio.pid"),
            "-w", str(folder), "-m", "32", "-M", "4", "-Y", str(folder),
        )  # fmt: skip
        eventually(lambda: _in_use(port), 10, f"kamailio listens; its log: {self._logs[-1]}")

    def _start(self, folder: Path, program: str, *arguments: str) -> None:
        self._logs.append(folder / f"{program}.log")
        with self._logs[-1].open("wb") as log:
            self._processes.append(subprocess.Popen([program, *arguments], cwd=folder, stdout=log, stderr=log))

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            if process.poll() is None:
                process.kill()
                process.wait(5)


def _in_use(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/net/udp").read_text()
