"""A lakeport on this machine, for one user and one lakeFS: started when nobody else has, shared by all of that user's processes.

It listens on a Unix socket in a folder that only its user can enter; where that cannot be, on a port of this machine, and serves
who has the token from that folder. It leaves by itself once it is idle and no transaction of its own is open. Whoever starts it
holds a lock, so that two never start two.
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
from lakeport.lakectl import Credentials

if TYPE_CHECKING:
    from lakeport.endpoint import Local

SERVER = "LAKEPORT_SERVER"
"""Names the binary of the server."""
IDLE = 300
"""Seconds after which a server leaves that nobody calls."""

_PATIENCE = 45.0
"""Seconds within which a server has to listen: one before it may take half a minute to end."""
_LONGEST = 100
"""Bytes that the path of a Unix socket may have everywhere."""
_NAME = 16
"""Characters of the name of a server's folder."""
_IN_USE = 75
"""The exit code of a server that finds another one with its transactions."""
_NONE = f"""no lakeport-server to start here. One of these brings it:
  - pip install "lakeport[server]"
  - {SERVER}=/path/of/lakeport-server, or lakeport-server on the PATH
or name a server that runs: LAKEPORT_ENDPOINT=grpc://HOST:50051"""


def ensure(local: Local) -> tuple[Remote, Credentials]:
    """Starts that server unless it runs, and says where it is and what to show there. Takes a second, or none."""
    try:
        home = _OnSocket(local) if _has_sockets() else _OnPort(local)
        if (found := home.found()) is None:
            with locks.held(home.data / "starting.lock", 2 * _PATIENCE):
                if (found := home.found()) is None:
                    found = _start(local, home)
    except LakeportError:
        raise
    except OSError as error:
        # A file that is missing here is no object that is missing there: to `exists`, say, that is an answer.
        message = f"no lakeport can be started here: {error} (its binary is that of {SERVER}, its folder {_state()})"
        raise UnavailableError(message) from error
    return found


class _OnSocket:
    """Where a server keeps its things that listens on a Unix socket. One for each user, lakeFS and key.

    Nobody acts with another's key, so callers show their own.
    """

    def __init__(self, local: Local) -> None:
        self.data = _private(_private(_state()) / _name(local, local.access_key_id))
        self.log = self.data / "server.log"
        self._credentials = Credentials.key_pair(local.access_key_id, local.secret_access_key)
        self._socket = _private(_private(_state()) / "run") / f"{self.data.name}.sock"

    def prepare(self) -> list[str]:
        """The flags that say where to listen."""
        return ["--listen", f"unix:{self._socket}"]

    def found(self) -> tuple[Remote, Credentials] | None:
        """The server that listens there."""
        return (Remote(f"unix:{self._socket}"), self._credentials) if _answers(self._socket) else None


class _OnPort:
    """The same of one that listens on a port, which everybody on this machine can call.

    It is shown a token and never the key pair, since its port may be another program's once it has gone. So who has another secret
    has another server: that lakeFS knows the secret is not asked for each call.
    """

    def __init__(self, local: Local) -> None:
        self.data = _private(_private(_state()) / _name(local, local.access_key_id, local.secret_access_key))
        self.log = self.data / "server.log"
        self._address = self.data / "address"
        self._token = self.data / "token"

    def prepare(self) -> list[str]:
        """The flags that say where to listen, and for whom."""
        # No server runs that they could be of.
        self._address.unlink(missing_ok=True)
        self._token.unlink(missing_ok=True)
        self._token.touch(mode=0o600)
        self._token.write_text(secrets.token_urlsafe(32))
        where = ["--listen", "127.0.0.1:0", "--address-file", str(self._address)]
        return [*where, "--auth", "service", "--token-file", str(self._token)]

    def found(self) -> tuple[Remote, Credentials] | None:
        """The server that listens there."""
        try:
            address, token = self._address.read_text().strip(), self._token.read_text()
        except OSError:
            # Windows refuses a file that is just being replaced.
            return None
        # The port of a server that was killed may be anybody's by now.
        if not runs(self.data):
            return None
        host, _, port = address.rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return Remote(address), Credentials.token(token)
        return None


def runs(data: Path) -> bool:
    """Whether a server has the transactions there, and so is not quite gone."""
    return locks.is_held(data / "sessions.db.lock")


def _has_sockets() -> bool:
    """Whether a Unix socket can be there."""
    return sys.platform != "win32" and len(os.fsencode(_state() / "run" / f"{'x' * _NAME}.sock")) < _LONGEST


def _name(local: Local, *whose: str) -> str:
    told = hashlib.sha256("\n".join((local.lakefs_url, *whose)).encode())
    if local.root_certificates is not None:
        told.update(b"\n" + local.root_certificates)
    return told.hexdigest()[:_NAME]


def _state() -> Path:
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME")
    return (Path(given) if given else Path.home() / ".local" / "state") / "lakeport"


def _answers(path: Path) -> bool:
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
    """Makes a folder that only its user can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":
        found = folder.stat()
        if found.st_uid != os.getuid():
            message = f"{folder} belongs to somebody else: a lakeport of this user's cannot be there"
            raise UnavailableError(message)
        if found.st_mode & 0o077:
            folder.chmod(0o700)
    return folder


def _start(local: Local, home: _OnSocket | _OnPort) -> tuple[Remote, Credentials]:
    environment = {
        # Settings of another server, and its configuration, are not this one's.
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
    until = time.monotonic() + _PATIENCE
    started: subprocess.Popen[bytes] | None = None
    was_started = False
    while (found := home.found()) is None:
        if time.monotonic() > until:
            if started is None:
                message = f"a lakeport-server has the transactions in {home.data}, and does not answer here: end it, or ask again"
                raise UnavailableError(message)
            started.kill()
            started.wait()
            message = f"{command[0]} does not listen for {local.lakefs_url}, and said:\n{_tail(home.log)}"
            raise UnavailableError(message)
        # One before it may be on its way out: what it published is its own until then.
        if started is None and not runs(home.data):
            started = _spawn([*command, *home.prepare()], environment, home.log)
            # It has its own time, however long the one before it took to leave.
            until = until if was_started else time.monotonic() + _PATIENCE
            was_started = True
        ended = started.poll() if started is not None else None
        if ended == _IN_USE:
            started = None
        elif ended is not None:
            message = f"{command[0]} did not start for {local.lakefs_url}: it ended with {ended}, and said:\n{_tail(home.log)}"
            raise UnavailableError(message)
        time.sleep(0.01)
    return found


def _spawn(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a process that does not end with the terminal of this one."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    with log.open("wb") as file:
        return subprocess.Popen(  # noqa: S603  (the binary that the user named)
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            creationflags=flags,
        )


def binary() -> str:
    """The server's binary: of `LAKEPORT_SERVER`, of the companion package, of the PATH."""
    if named := os.environ.get(SERVER):
        return named
    # Where pip puts the scripts of this Python, which need not be on the PATH.
    beside = Path(sysconfig.get_path("scripts")) / f"lakeport-server{sysconfig.get_config_var('EXE') or ''}"
    if beside.is_file():
        return str(beside)
    for folder in os.get_exec_path():
        # What lies in a folder that is named from the current one is not to have the key.
        found = shutil.which(str(Path(folder) / "lakeport-server")) if Path(folder).is_absolute() else None
        if found is not None:
            return found
    raise UnavailableError(_NONE)


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() or "nothing"
