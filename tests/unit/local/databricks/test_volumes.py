import asyncio

import pytest

from local.databricks.errors import ApiError
from local.databricks.volumes import Volumes


async def chunks(*parts):
    for part in parts:
        yield part


def write(volumes, path, *parts, overwrite=False):
    asyncio.run(volumes.write(path, chunks(*parts), overwrite=overwrite))


@pytest.fixture
def volumes(tmp_path):
    return Volumes(tmp_path / "volumes")


def test_a_written_file_is_read_back_also_by_its_dbfs_name(volumes):
    write(volumes, "/Volumes/c/s/v/deep/x.whl", b"one ", b"two")
    assert volumes.file("/Volumes/c/s/v/deep/x.whl").read_bytes() == b"one two"
    assert volumes.file("dbfs:/Volumes/c/s/v/deep/x.whl").read_bytes() == b"one two"


def test_an_existing_file_is_replaced_only_when_asked_for(volumes):
    write(volumes, "/Volumes/c/s/v/x", b"old")
    with pytest.raises(ApiError) as refusal:
        write(volumes, "/Volumes/c/s/v/x", b"new")
    assert refusal.value.status == 409
    write(volumes, "/Volumes/c/s/v/x", b"new", overwrite=True)
    assert volumes.file("/Volumes/c/s/v/x").read_bytes() == b"new"


def test_an_upload_that_breaks_off_leaves_the_old_content_and_nothing_else(volumes, tmp_path):
    async def broken():
        yield b"ne"
        raise ConnectionError("gone")

    write(volumes, "/Volumes/c/s/v/x", b"old")
    with pytest.raises(ConnectionError):
        asyncio.run(volumes.write("/Volumes/c/s/v/x", broken(), overwrite=True))
    assert volumes.file("/Volumes/c/s/v/x").read_bytes() == b"old"
    assert not list((tmp_path / "volumes").glob(".upload-*"))


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "Volumes/c/s/v/x",
        "/Volumes/c/s",
        "/Volumes/c/s/v/../../../../x",
        "/Volumes/../../x/y",
        "/Volumes/c/s/v/./x",
        "/Volumes/c/s/v//etc/passwd",
        "/Volumes//etc/passwd/x",
        "/Volumes/c/s/v/a\0b",
        "/Volumes/c/s/v/..\\x",
        "dbfs:/tmp/x",
        "/Volumes/c/s/v/" + "n" * 300,
        "/Volumes/c/s/v/" + "é" * 200,  # 400 bytes
        "/Volumes/c/s/v/" + "n/" * 3_000 + "x",
        "/Volumes/c/s/v/\ud800",
    ],
)
def test_no_path_leads_out_of_the_volumes(volumes, path):
    with pytest.raises(ApiError) as refusal:
        volumes.path(path)
    assert refusal.value.status == 400


def test_a_link_out_of_the_volumes_is_not_followed(volumes, tmp_path):
    volumes.make_directory("/Volumes/c/s/v")
    (tmp_path / "volumes" / "c" / "s" / "v" / "out").symlink_to(tmp_path)
    with pytest.raises(ApiError, match="leads out"):
        volumes.path("/Volumes/c/s/v/out/x")


def test_a_directory_is_deleted_only_when_empty(volumes):
    write(volumes, "/Volumes/c/s/v/d/x", b"")
    with pytest.raises(ApiError, match="not empty"):
        volumes.delete_directory("/Volumes/c/s/v/d")
    volumes.delete("/Volumes/c/s/v/d/x")
    volumes.delete_directory("/Volumes/c/s/v/d")
    with pytest.raises(ApiError) as refusal:
        volumes.directory("/Volumes/c/s/v/d")
    assert refusal.value.status == 404


def test_a_volume_itself_is_no_file(volumes):
    with pytest.raises(ApiError, match="is a directory"):
        write(volumes, "/Volumes/c/s/v", b"")
