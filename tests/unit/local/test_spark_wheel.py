import tomllib
import zipfile

import pytest

from local import spark_wheel
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
