"""plugins.zip: what is in it, and that the same sources give the same bytes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from pinpipe_cli.deploy.plugins_archive import plugins_archive

ROOT = Path(__file__).resolve().parents[4]


def checkout(folder: Path, *names: str) -> Path:
    """Make a checkout whose files are written in the order of the names."""
    for name in ("plugins/a.py", "include/settings.py", "emulator/post.py", *names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def names_of(archive: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(archive)).namelist()


def test_the_packages_lie_beside_the_content_of_plugins() -> None:
    names = names_of(plugins_archive(ROOT))
    assert {"pinpipe_plugin.py", ".airflowignore", "pinpipe_airflow/__init__.py"} <= set(names)
    assert {"include/settings.py", "include/environments/local.yaml", "emulator/post.py"} <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert tops == {"pinpipe_plugin.py", ".airflowignore", "pinpipe_airflow", "include", "emulator"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert not [name for name in names if name.startswith(("include/bootstrap", "include/mwaa"))]


def test_the_same_sources_give_the_same_bytes_whenever_and_in_which_order_they_were_written(tmp_path: Path) -> None:
    one = checkout(tmp_path / "one", "plugins/z/b.py", "plugins/z/a.py")
    other = checkout(tmp_path / "other", "plugins/z/a.py", "plugins/z/b.py")
    os.utime(other / "plugins/z/a.py", (1, 1))
    (other / "plugins/z/a.py").chmod(0o700)
    assert plugins_archive(one) == plugins_archive(other)


def test_what_an_interpreter_leaves_behind_is_not_in_it(tmp_path: Path) -> None:
    clean = plugins_archive(checkout(tmp_path))
    checkout(tmp_path, "plugins/__pycache__/a.pyc", "include/x.pyc", "emulator/dist/emulator.whl")
    assert plugins_archive(tmp_path) == clean


def test_a_change_of_any_package_is_a_change_of_the_archive(tmp_path: Path) -> None:
    before = plugins_archive(checkout(tmp_path))
    (tmp_path / "emulator/post.py").write_text("changed")
    assert plugins_archive(tmp_path) != before


def test_airflow_finds_the_plugin_and_its_packages_in_what_is_unpacked(tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(plugins_archive(ROOT))).extractall(tmp_path)
    code = "import include.settings, emulator.post, pinpipe_airflow; print(include.settings.__file__)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stdout.strip() == str(tmp_path / "include/settings.py"), ran.stderr
