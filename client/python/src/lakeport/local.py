"""Local lakeport servers: one for each user, lakeFS and key, started on demand and shared by all processes of the user.

The server listens on a Unix socket in a directory that only its user can enter. Where that is impossible, it listens on a local
port, and only serves callers with the token from that directory. It exits when it is idle and none of its transactions is open. The
process that starts a server holds a lock, so that no second server is started.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lakeport import locks
from lakeport.endpoint import Remote
from lakeport.errors import LakeportError, UnavailableError
from lakeport.hints import hint
from lakeport.lakectl import Credentials

if TYPE_CHECKING:
    from lakeport.endpoint import Local

SERVER = "LAKEPORT_SERVER"
"""Environment variable with the path of the server binary."""
IDLE = 300
"""Seconds without calls after which a server exits."""

_START_TIMEOUT = 45.0
"""Seconds within which a server must listen. A previous server may take half a minute to end."""
_MAX_SOCKET_PATH = 100
"""Length in bytes below which paths of Unix sockets are valid on all platforms."""
_NAME_LENGTH = 16
"""Number of characters in the name of a server's directory."""
_IN_USE = 75
"""Exit code of a server whose data directory is in use by another server."""
_NO_BINARY = f"""no lakeport server could be reached or started: no lakeport-server binary was found. Use one of these:
  - pip install "lakeport[server]"
  - {SERVER}=/path/to/lakeport-server, or lakeport-server on the PATH
  - LAKEPORT_ENDPOINT=grpc://HOST:50051, the address of a running server"""


def ensure(local: Local) -> tuple[Remote, Credentials]:
    """Returns address and credentials of the local server. Starts the server if it does not run, which takes about a second."""
    try:
        home = _SocketServer(local) if _has_sockets() else _PortServer(local)
        if (found := home.found()) is None:
            with locks.held(home.data / "starting.lock", 2 * _START_TIMEOUT):
                if (found := home.found()) is None:
                    found = _start(local, home)
    except LakeportError:
        raise
    except OSError as error:
        # Convert the error: callers such as `exists` would interpret a missing local file as a missing object.
        message = f"cannot start a local lakeport server: {error} (check the binary in {SERVER} and the directory {_state()})"
        raise UnavailableError(message) from error
    return found


class _SocketServer:
    """A server that listens on a Unix socket, and its directory. There is one for each user, lakeFS and access key.

    Callers send their own key pair, so that a caller cannot use another caller's key.
    """

    def __init__(self, local: Local) -> None:
        self.data = _private(_private(_state()) / _name(local, local.access_key_id))
        self.log = self.data / "server.log"
        self._credentials = Credentials.key_pair(local.access_key_id, local.secret_access_key)
        self._socket = _private(_private(_state()) / "run") / f"{self.data.name}.sock"

    def prepare(self) -> list[str]:
        """Returns the flags for the address."""
        return ["--listen", f"unix:{self._socket}"]

    def found(self) -> tuple[Remote, Credentials] | None:
        """Returns the address of the server and the credentials for it, or None if it does not listen."""
        return (Remote(f"unix:{self._socket}"), self._credentials) if _accepts(self._socket) else None


class _PortServer:
    """A server that listens on a port, which every user of this machine can call, and its directory.

    Callers send a token and never the key pair, because another program may use the port after the server has ended. The server
    does not verify the secret with lakeFS for each call, so there is one server for each secret.
    """

    def __init__(self, local: Local) -> None:
        self.data = _private(_private(_state()) / _name(local, local.access_key_id, local.secret_access_key))
        self.log = self.data / "server.log"
        self._address = self.data / "address"
        self._token = self.data / "token"

    def prepare(self) -> list[str]:
        """Creates a new token, and returns the flags for the address and the token."""
        # No server runs, so these files are outdated.
        self._address.unlink(missing_ok=True)
        self._token.unlink(missing_ok=True)
        self._token.touch(mode=0o600)
        self._token.write_text(secrets.token_urlsafe(32))
        where = ["--listen", "127.0.0.1:0", "--address-file", str(self._address)]
        return [*where, "--auth", "service", "--token-file", str(self._token)]

    def found(self) -> tuple[Remote, Credentials] | None:
        """Returns the address of the server and the credentials for it, or None if it does not listen."""
        try:
            address, token = self._address.read_text().strip(), self._token.read_text()
        except OSError:
            # Windows does not open a file that is being replaced.
            return None
        # After a server was killed, another program may use its port.
        if not is_running(self.data):
            return None
        host, _, port = address.rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return Remote(address), Credentials.token(token)
        return None


def is_running(data: Path) -> bool:
    """Returns whether a server, which may be shutting down, still uses the data directory."""
    return locks.is_held(data / "sessions.db.lock")


def _has_sockets() -> bool:
    """Returns whether a Unix socket can be used: not on Windows, and not if its path is too long."""
    return sys.platform != "win32" and len(os.fsencode(_state() / "run" / f"{'x' * _NAME_LENGTH}.sock")) < _MAX_SOCKET_PATH


def _name(local: Local, *whose: str) -> str:
    digest = hashlib.sha256("\n".join((local.lakefs_url, *whose)).encode())
    if local.root_certificates is not None:
        digest.update(b"\n" + local.root_certificates)
    return digest.hexdigest()[:_NAME_LENGTH]


def _state() -> Path:
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME")
    return (Path(given) if given else Path.home() / ".local" / "state") / "lakeport"


def _accepts(path: Path) -> bool:
    if sys.platform == "win32":
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _private(folder: Path) -> Path:
    """Creates a directory that only its user can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":
        found = folder.stat()
        if found.st_uid != os.getuid():
            message = f"{folder} is owned by another user: it cannot hold the files of this user's lakeport server"
            raise UnavailableError(message)
        if found.st_mode & 0o077:
            folder.chmod(0o700)
    return folder


def _start(local: Local, home: _SocketServer | _PortServer) -> tuple[Remote, Credentials]:
    environment = {
        # The variables LAKEPORT_* may configure another server.
        **{name: value for name, value in os.environ.items() if not name.startswith("LAKEPORT_")},
        "LAKEPORT_LAKEFS_ACCESS_KEY_ID": local.access_key_id,
        "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY": local.secret_access_key,
    }
    command = [binary(), "--lakefs-url", local.lakefs_url, "--admin-listen", "off"]
    command += ["--exit-when-idle", str(IDLE), "--data-dir", str(home.data)]
    if local.root_certificates is not None and local.lakefs_url.startswith("https:"):
        authorities = home.data / "authorities.pem"
        authorities.write_bytes(local.root_certificates)
        command += ["--lakefs-ca-file", str(authorities)]
    until = time.monotonic() + _START_TIMEOUT
    started: subprocess.Popen[bytes] | None = None
    was_started = False
    while (found := home.found()) is None:
        if time.monotonic() > until:
            if started is None:
                message = f"a lakeport-server uses {home.data} but does not respond: stop it, or retry"
                raise UnavailableError(message)
            started.kill()
            started.wait()
            message = (
                f"{command[0]} did not listen for {local.lakefs_url} within {_START_TIMEOUT:.0f} s. Its output:\n{_tail(home.log)}"
            )
            raise UnavailableError(message)
        # A previous server may be shutting down. Its address file is valid until it ends.
        if started is None and not is_running(home.data):
            started = _spawn([*command, *home.prepare()], environment, home.log)
            # The new server gets the full timeout, however long the previous one took to end.
            until = until if was_started else time.monotonic() + _START_TIMEOUT
            was_started = True
        ended = started.poll() if started is not None else None
        if ended == _IN_USE:
            started = None
        elif ended is not None:
            message = f"{command[0]} did not start for {local.lakefs_url}: exit code {ended}. Its output:\n{_tail(home.log)}"
            raise UnavailableError(message)
        time.sleep(0.01)
    return found


def _spawn(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a process that survives the end of this process's terminal."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    with log.open("wb") as file:
        return subprocess.Popen(  # noqa: S603  (the user chooses the binary)
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            creationflags=flags,
        )


def binary() -> str:
    """Returns the path of the server binary: from `LAKEPORT_SERVER`, the companion package, or the PATH."""
    if named := os.environ.get(SERVER):
        return named
    # pip installs scripts here, and the directory need not be on the PATH.
    installed = Path(sysconfig.get_path("scripts")) / f"lakeport-server{sysconfig.get_config_var('EXE') or ''}"
    if installed.is_file():
        return str(installed)
    for folder in os.get_exec_path():
        # Skip relative entries of the PATH: a program in the current directory must not receive the secret access key.
        found = shutil.which(str(Path(folder) / "lakeport-server")) if Path(folder).is_absolute() else None
        if found is not None:
            return found
    raise UnavailableError(_NO_BINARY + hint())


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() or "(none)"
