import pytest

from local.connect.connector_store import ConnectorStore, StoredConnector


def test_connectors_are_read_as_they_were_kept(tmp_path):
    kept = {"a": StoredConnector({"name": "a", "topics": "é"}, paused=True), "b": StoredConnector({"name": "b"})}
    ConnectorStore(tmp_path / "state" / "connectors.json").save(kept)
    assert ConnectorStore(tmp_path / "state" / "connectors.json").load() == kept
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["connectors.json"]


def test_no_file_is_no_connectors(tmp_path):
    assert ConnectorStore(tmp_path / "connectors.json").load() == {}


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "connectors.json").write_text('{"a": {')
    with pytest.raises(ValueError, match=r"connectors\.json does not hold connectors"):
        ConnectorStore(tmp_path / "connectors.json").load()
