import zipfile

import pytest

from local.databricks import wheels


def make_wheel(file, content="x = 1\n"):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny.py", content)
        archive.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.4\nName: tiny\nVersion: 1\n")
    return file


def test_a_wheel_is_unpacked_once_for_each_content(tmp_path):
    first = wheels.unpack(make_wheel(tmp_path / "tiny.whl"), tmp_path / "unpacked")
    assert (first / "tiny.py").read_text() == "x = 1\n"
    assert wheels.unpack(tmp_path / "tiny.whl", tmp_path / "unpacked") == first
    second = wheels.unpack(make_wheel(tmp_path / "tiny.whl", "x = 2\n"), tmp_path / "unpacked")
    assert second != first
    assert sorted((tmp_path / "unpacked").iterdir()) == sorted([first, second])


def test_what_is_not_a_wheel_is_refused_by_name_and_leaves_nothing(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"text")
    with zipfile.ZipFile(tmp_path / "b.whl", "w") as archive:
        archive.writestr("x.py", "")
    with pytest.raises(wheels.WheelError, match=r"a\.whl is not a wheel"):
        wheels.unpack(tmp_path / "a.whl", tmp_path / "unpacked")
    with pytest.raises(wheels.WheelError, match=r"b\.whl is not a wheel: it has no \.dist-info"):
        wheels.unpack(tmp_path / "b.whl", tmp_path / "unpacked")
    assert not list((tmp_path / "unpacked").iterdir())


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.whl", "w") as archive:
        archive.writestr("../../escaped.py", "")
        archive.writestr("evil-1.dist-info/METADATA", "")
    wheels.unpack(tmp_path / "evil.whl", tmp_path / "deep" / "unpacked")
    assert not list(tmp_path.glob("escaped.py")) + list((tmp_path / "deep").glob("escaped.py"))
