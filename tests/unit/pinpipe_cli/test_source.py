"""The commands `pinpipe source …` on a database of the user's own, here in SQLite."""

import pytest
from typer.testing import CliRunner

from emulator.database import SourceError, open_engine
from emulator.source import read_numbers, read_posts
from pinpipe_cli.main import app


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The URL of the user's own database, whose file is not there yet."""
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PINPIPE_SOURCE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    return f"sqlite:///{tmp_path / 'own.db'}"


def pinpipe(*arguments):
    done = CliRunner().invoke(app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_an_empty_database_of_ones_own_is_filled(own):
    printed = pinpipe("source", "generate", "--posts", "30", "--seed", "1")
    assert f"source database {own}" in printed
    assert "the source holds 30 pin, 30 geo, 30 user rows; 30 posts have all three" in printed


def test_rows_of_ones_own_are_not_replaced_unasked(own):
    pinpipe("source", "generate", "--posts", "30", "--seed", "1")
    engine = open_engine(own)
    before = list(read_posts(engine, read_numbers(engine)))
    with pytest.raises(SourceError, match=r"'pinterest_data' .* holds rows, and the database is your own.* --replace"):
        pinpipe("source", "generate", "--posts", "5", "--seed", "2")
    assert list(read_posts(engine, read_numbers(engine))) == before
    assert "5 pin" in pinpipe("source", "generate", "--posts", "5", "--seed", "2", "--replace")


def test_check_counts_without_changing_anything(own):
    with pytest.raises(SourceError, match="has no file"):
        pinpipe("source", "check")
    pinpipe("source", "generate", "--posts", "30", "--seed", "1")
    printed = pinpipe("source", "check")
    assert "pinterest_data: 30 rows" in printed
    assert "30 posts, 30 with all three rows" in printed
    assert "note" not in printed


def test_a_long_loading_says_how_far_it_is(own, monkeypatch):
    monkeypatch.setattr("pinpipe_cli.source.SECONDS_BETWEEN_PROGRESS", 0)
    assert "  2,000 pin rows so far" in pinpipe("source", "generate", "--posts", "3000")


def test_the_password_is_not_printed(own, monkeypatch):
    monkeypatch.setenv("PINPIPE_SOURCE_URL", "mysql://reader:sesame@127.0.0.1:9/pins")
    done = CliRunner().invoke(app, ["source", "check"])
    assert "mysql+pymysql://reader:***@127.0.0.1:9/pins" in done.output
    assert "sesame" not in done.output + str(done.exception)
