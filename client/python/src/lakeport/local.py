"""A lakeport on this machine, for one user and one lakeFS: started when nobody else has, shared by all of that user's processes.

It listens on a Unix socket in a folder that only its user can enter, and leaves by itself once it is idle and no transaction of its
own is open. Whoever starts it holds a lock, so that two never start two.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lakeport.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakeport.endpoint import Local

SERVER = "LAKEPORT_SERVER"
"""Names the binary of the server."""
IDLE = 300
"""Seconds after which a server leaves that nobody calls."""

_PATIENCE = 30.0
"""Seconds within which a server has to listen."""
_NONE = f"""no lakeport-server to start here. One of these brings it:
  - pip install "lakeport[server]"
  - {SERVER}=/path/of/lakeport-server, or lakeport-server on the PATH
or name a server that runs: LAKEPORT_ENDPOINT=grpc://HOST:50051"""


def ensure(local: Local) -> str:
    """Starts that server unless it runs, and says where it listens, as gRPC names it. Takes a second, or none."""
    if sys.platform == "win32":
        message = "a local lakeport needs Unix sockets: name a server that runs by LAKEPORT_ENDPOINT=grpc://HOST:50051"
        raise UnavailableError(message)
    files = _Files(local)
    if not _answers(files.socket):
        with files.lock():
            if not _answers(files.socket):
                _start(local, files)
    return f"unix:{files.socket}"


class _Files:
    """Where a server keeps its things. One for each user, lakeFS and key: nobody acts with another's key."""

    def __init__(self, local: Local) -> None:
        told = f"{local.lakefs_url}\n{local.access_key_id}".encode()
        name = hashlib.sha256(told).hexdigest()[:16]
        self.socket = _private(_runtime()) / f"{name}.sock"
        self.data = _private(_state() / name)
        self.log = self.data / "server.log"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        import fcntl  # noqa: PLC0415  (not on every platform)

        with (self.data / "starting.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _runtime() -> Path:
    """For sockets, whose names may have some hundred bytes only."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    return Path(given) / "lakeport" if given else _state() / "run"


def _state() -> Path:
    given = os.environ.get("XDG_STATE_HOME")
    return (Path(given) if given else Path.home() / ".local" / "state") / "lakeport"


def _private(folder: Path) -> Path:
    """Makes a folder that only its user can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid():
        message = f"{folder} belongs to somebody else: a lakeport of this user's cannot be there"
        raise UnavailableError(message)
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _start(local: Local, files: _Files) -> None:
    environment = {
        # Settings of another server, and its configuration, are not this one's.
        **{name: value for name, value in os.environ.items() if not name.startswith("LAKEPORT_")},
        "LAKEPORT_LAKEFS_ACCESS_KEY_ID": local.access_key_id,
        "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY": local.secret_access_key,
    }
    command = [binary(), "--lakefs-url", local.lakefs_url, "--listen", f"unix:{files.socket}", "--admin-listen", "off"]
    command += ["--exit-when-idle", str(IDLE), "--data-dir", str(files.data)]
    until = time.monotonic() + _PATIENCE
    started = _spawn(command, environment, files.log)
    while not _answers(files.socket):
        if time.monotonic() > until:
            started.kill()
            started.wait()
            message = f"lakeport-server does not listen for {local.lakefs_url}:\n{_tail(files.log)}"
            raise UnavailableError(message)
        if started.poll() is not None:
            if not _is_in_use(files.data):
                message = f"lakeport-server did not start for {local.lakefs_url}:\n{_tail(files.log)}"
                raise UnavailableError(message)
            # The one before it is on its way out.
            time.sleep(0.2)
            started = _spawn(command, environment, files.log)
        time.sleep(0.01)


def _spawn(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(  # noqa: S603  (the binary that the user named)
            command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )


def _is_in_use(data: Path) -> bool:
    """Whether another server has the transactions there: then its lock is held."""
    import fcntl  # noqa: PLC0415  (not on every platform)

    lock = data / "sessions.db.lock"
    if not lock.exists():
        return False
    with lock.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def binary() -> str:
    """The server's binary: of `LAKEPORT_SERVER`, of the companion package, of the PATH."""
    if named := os.environ.get(SERVER):
        return named
    # Where pip puts the scripts of this Python, which need not be on the PATH.
    beside = Path(sys.executable).parent / "lakeport-server"
    found = str(beside) if beside.exists() else shutil.which("lakeport-server")
    if found is None:
        raise UnavailableError(_NONE)
    return found


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
