import tomllib
import zipfile
from pathlib import Path

import pytest

from include.settings import settings
from local import spark_wheel, spark_wheel_path
from local.home import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return spark_wheel.build(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_both_packages_with_their_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for file in ("spark_jobs/clean_batch.py", "include/rendering.py", "include/schemas/pin.yaml"):
        assert file in names
    assert "include/sql/views/pin.sql" in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"spark_jobs", "include", f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"}
    assert not [name for name in names if name.endswith((".pyc", ".toml", ".whl"))]


def test_a_second_build_gives_the_same_bytes(wheel, tmp_path):
    assert spark_wheel.build(tmp_path).read_bytes() == wheel.read_bytes()


def test_every_script_of_the_wheel_is_a_module_in_it(wheel):
    scripts = tomllib.loads((ROOT / "spark_jobs" / "pyproject.toml").read_text())["project"]["scripts"]
    names = zipfile.ZipFile(wheel).namelist()
    for target in scripts.values():
        assert target.partition(":")[0].replace(".", "/") + ".py" in names


def test_a_setting_that_names_another_file_is_refused(wheel):
    with pytest.raises(ValueError, match="change the setting's file name"):
        spark_wheel.upload(wheel, "/Volumes/c/s/v/other-9.whl", "", "")


def checkout(folder, **files):
    for package in ("spark_jobs", "include"):
        (folder / package).mkdir(parents=True)
    for name, content in files.items():
        (folder / "spark_jobs" / f"{name}.py").write_text(content)
    return folder


def test_the_path_holds_what_the_wheel_is_built_from(monkeypatch):
    monkeypatch.delenv("PINPIPE_SPARK_WHEEL", raising=False)
    path = spark_wheel_path.spark_wheel_path()
    assert path == f"/Volumes/pinpipe/artifacts/spark/{spark_wheel_path.content_hash(ROOT)}/{Path(path).name}"
    assert Path(path).name == Path(settings().spark_wheel).name


def test_a_path_of_a_users_own_is_taken_as_it_is(monkeypatch):
    monkeypatch.setenv("PINPIPE_SPARK_WHEEL", "/Volumes/c/s/v/pinpipe_spark-0.1.0-py3-none-any.whl")
    assert spark_wheel_path.spark_wheel_path() == "/Volumes/c/s/v/pinpipe_spark-0.1.0-py3-none-any.whl"


def test_the_path_changes_with_any_source_and_with_nothing_else(tmp_path):
    first = spark_wheel_path.content_hash(checkout(tmp_path / "a", job="x = 1", other=""))
    assert spark_wheel_path.content_hash(checkout(tmp_path / "b", other="", job="x = 1")) == first
    assert spark_wheel_path.content_hash(checkout(tmp_path / "c", job="x = 2", other="")) != first
    assert spark_wheel_path.content_hash(checkout(tmp_path / "d", job2="x = 1", other="")) != first
    cache = tmp_path / "a" / "spark_jobs" / "__pycache__"
    cache.mkdir()
    (cache / "job.cpython-312.pyc").write_bytes(b"")
    assert spark_wheel_path.content_hash(tmp_path / "a") == first
