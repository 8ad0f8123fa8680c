"""A source in SQLite, a REST proxy, and an API that puts records into streams."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from tests.unit.emulator.rest_proxy import RestProxy
from tests.unit.emulator.stream_api import StreamApi


@pytest.fixture
def proxy() -> Iterator[RestProxy]:
    server = RestProxy()
    yield server
    server.close()


@pytest.fixture
def api() -> Iterator[StreamApi]:
    server = StreamApi()
    yield server
    server.close()


@pytest.fixture
def engine(tmp_path) -> Iterator[sa.Engine]:
    """An empty source database."""
    made = open_engine(f"sqlite:///{tmp_path / 'source.db'}")
    yield made
    made.dispose()


@pytest.fixture
def source(engine) -> sa.Engine:
    """A source database with 120 generated posts."""
    load_posts(engine, generate_posts(120, seed=7))
    return engine
