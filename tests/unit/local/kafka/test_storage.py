import base64

import pytest

from local.kafka.java import java, java_command
from local.kafka.storage import cluster_id, write_atomically


def test_the_cluster_id_is_a_uuid_that_stays(tmp_path):
    first = cluster_id(tmp_path)
    assert cluster_id(tmp_path) == first
    assert len(base64.urlsafe_b64decode(first + "==")) == 16
    assert not first.startswith("-")


def test_two_worlds_have_different_clusters(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert cluster_id(tmp_path / "a") != cluster_id(tmp_path / "b")


def test_an_atomic_write_leaves_only_the_file(tmp_path):
    write_atomically(tmp_path / "a", "1")
    write_atomically(tmp_path / "a", "2")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a", "2")]


def test_java_home_wins_over_the_path(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java() == str(program)


def test_no_java_is_a_clear_error(monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="Java 17"):
        java()


def test_missing_jars_are_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("local.kafka.java.tools", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no Kafka in .*make install"):
        java_command("kafka.Kafka", "")
