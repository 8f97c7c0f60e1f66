"""Debian's PostgreSQL in a directory of its own on a free port: started, killed and started again by a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

_SECONDS = "30"
_SETTINGS = ("max_connections=200", "log_min_messages=fatal")


class PostgresqlServer:
    """`initdb` refuses to run as root: then it is user `postgres` who does. The tests stop the server and never pull the
    plug, so that it loses nothing without `durable` either."""

    def __init__(self, *, durable: bool = False) -> None:
        self._settings = _SETTINGS if durable else (*_SETTINGS, "fsync=off")
        self._programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self._directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
        if os.geteuid() == 0:
            shutil.chown(self._directory, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._run("initdb", "--auth=trust", "--username=burgernet", "--encoding=UTF8", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://burgernet@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._directory}")
        options = " ".join(f"-c {each}" for each in (*settings, *self._settings))
        log = str(self._directory / "log")
        self._run("pg_ctl", "start", "--wait", f"--timeout={_SECONDS}", f"--log={log}", f"--options={options}")

    def kill(self) -> None:
        """Gone at once, as by a crash: no connection is told."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def remove(self) -> None:
        if (self._directory / "data" / "postmaster.pid").exists():
            self.kill()
        shutil.rmtree(self._directory)

    def _run(self, program: str, *arguments: str) -> None:
        as_user = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
        command = (*as_user, str(self._programs / program), *arguments, f"--pgdata={self._directory / 'data'}")
        with (self._directory / "out").open("w+") as out:
            # To a file: the server would keep a pipe open for as long as it runs.
            done = subprocess.run(command, stdout=out, stderr=out, cwd=self._directory, check=False, timeout=60)
            out.seek(0)
            assert done.returncode == 0, out.read()
