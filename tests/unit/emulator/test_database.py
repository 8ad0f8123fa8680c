"""Addresses: what is taken, what is refused, and what messages show of them."""

from pathlib import Path

import pytest

from emulator.database import (
    SourceError,
    address_of,
    open_engine,
    require_file,
    source_address,
    sqlite_file,
    with_absolute_path,
)
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.source import count_rows, read_numbers


def refusal(url):
    """Return what opening the address, or reading from it, is refused with."""
    with pytest.raises(SourceError) as raised:
        count_rows(open_engine(url))
    assert "sesame" not in str(raised.value)
    return str(raised.value)


def test_a_dead_server_is_named_without_the_password():
    url = "postgres://reader:sesame@127.0.0.1:9/shop?application_name=x"
    assert "postgresql+psycopg2://reader:***@127.0.0.1:9/shop refused: connection to server" in refusal(url)
    assert address_of(open_engine(url)) == "postgresql+psycopg2://reader:***@127.0.0.1:9/shop"


@pytest.mark.parametrize("url", ["no url at all", "nosql://host/x"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SourceError):
        open_engine(url)


@pytest.mark.parametrize("server", ["mysql", "postgresql"])
@pytest.mark.parametrize("password", ["open@sesame", "@sesame", "open@ses/ame", "open@ses?ame=1", "o@s@e:sesame"])
def test_an_at_sign_that_is_not_encoded_shows_nothing_of_the_password(server, password):
    message = refusal(f"{server}://reader:{password}@127.0.0.1:9/pins")
    assert "is not a SQLAlchemy URL: write <database>+<driver>://" in message
    assert "%40 for @" in message
    assert "127.0.0.1" not in message
    assert "ame" not in message.replace("<name>", "")


def test_an_encoded_at_sign_is_part_of_the_password():
    address = source_address("mysql://reader:open%40sesame@127.0.0.1:9/pins")
    assert (address.password, address.host) == ("open@sesame", "127.0.0.1")


def test_two_slashes_before_a_sqlite_file_are_too_few():
    assert "names a server, and SQLite has a file: write sqlite:///posts.db" in refusal("sqlite://posts.db")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:posts?mode=memory&uri=true",
    ],
)
def test_a_database_in_memory_is_refused_because_nothing_would_be_kept(url):
    assert "is in memory, where nothing would be kept: name a file" in refusal(url)


def test_a_sqlite_uri_is_read_as_it_says_and_makes_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load_posts(open_engine("sqlite:///my posts.db"), generate_posts(5, seed=1))
    engine = open_engine("sqlite:///file:my%20posts.db?mode=ro&uri=true")
    assert len(list(read_numbers(engine))) == 5
    with pytest.raises(SourceError, match="readonly database"):
        load_posts(engine, generate_posts(5, seed=1))
    assert "has no file" in refusal("sqlite:///file:gone.db?uri=true")
    assert not Path("gone.db").exists()


def test_a_path_is_no_uri():
    assert "has the option uri=true and no URI: write sqlite:///file:" in refusal("sqlite:///posts.db?mode=ro&uri=true")


def test_a_sqlite_file_is_found_from_another_folder_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = with_absolute_path(source_address("sqlite:///posts.db"))
    uri = with_absolute_path(source_address("sqlite:///file:my%20posts.db?mode=ro&uri=true"))
    assert plain.database == str(tmp_path / "posts.db")
    assert uri.database == f"file:{tmp_path}/my%20posts.db"
    assert sqlite_file(uri) == tmp_path / "my posts.db"
    server = source_address("postgresql://u:p@h/d")
    assert with_absolute_path(server) == server
    require_file(open_engine("postgresql://u:p@h/d"))


@pytest.mark.parametrize(
    "url", ["mysql://u:sesame@127.0.0.1:9/d?foo=bar", "postgresql://u:sesame@127.0.0.1:9/d?foo=bar"]
)
def test_an_option_that_the_driver_does_not_know_is_named(url):
    message = refusal(url)
    assert "foo" in message
    assert message.endswith(
        "check the options, which follow the ? in the address: their names, their values and the files they name"
    )


def test_a_certificate_that_is_not_there_is_named():
    message = refusal("mysql://u:sesame@127.0.0.1:9/d?ssl_ca=/nope.pem")
    assert "mysql+pymysql://u:***@127.0.0.1:9/d cannot be connected to: " in message
    assert "; ssl_ca=/nope.pem is no file. Way out: check the options" in message


@pytest.mark.parametrize("url", ["mysql://u:sesame@127.0.0.1:9/d?compress=perhaps", "sqlite:////tmp/x.db?timeout=long"])
def test_an_option_of_a_wrong_value_is_refused(url):
    assert "cannot be used: " in refusal(url)


@pytest.mark.parametrize("server", ["mysql", "postgresql"])
def test_a_port_that_is_none_is_refused(server):
    assert ":99999/d has no port of 1 to 65535" in refusal(f"{server}://u:sesame@127.0.0.1:99999/d")


def test_a_port_of_several_that_is_none_is_refused():
    assert "Way out: write ports of 1 to 65535" in refusal("postgresql://u:sesame@/d?host=127.0.0.1:99999&host=h:1")


def test_a_password_may_hold_any_character():
    message = refusal("mysql://u:%E2%82%ACsesame@127.0.0.1:9/d")
    assert "Can't connect to MySQL server" in message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:sesame@/d?unix_socket=/run/my.sock", "mysql+pymysql://u:***@/d?unix_socket=/run/my.sock"),
        (
            "postgresql://u:sesame@/d?host=a:1&host=b:2&sslpassword=sesame",
            "postgresql+psycopg2://u:***@/d?host=a:1&host=b:2",
        ),
    ],
)
def test_a_server_that_options_name_is_shown_without_other_options(url, shown):
    assert address_of(open_engine(url)) == shown


def test_several_servers_are_all_tried():
    message = refusal("postgresql://u:sesame@/d?host=127.0.0.1:9&host=127.0.0.1:10&options=-ca%3D1&options=-cb%3D2")
    assert "port 9 failed" in message
    assert "port 10 failed" in message
