"""The serving views over both layers in duckdb: situations of the Lambda architecture, and random lakes."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from include.questions import SERVING_VIEWS, view_sources, view_sql
from tests.e2e.oracle.random_lake import LABEL, Lake, random_lake
from tests.e2e.oracle.serving import views
from tests.unit.include.lake_columns import ARROW, columns

MONDAY, TUESDAY, WEDNESDAY = (date(2024, 2, 26) + timedelta(days=number) for number in range(3))


def shown(lake):
    """Return label and layer of every row of each view, sorted."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for schema in ("batch", "speed", "serving"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for layer, name in dict.fromkeys(source for view in SERVING_VIEWS for source in view_sources(view)):
            types = columns(layer, name)
            rows = [{column: row.get(column) for column in types} for row in getattr(lake, layer)[name]]
            schema = pa.schema([(column, ARROW[kind]) for column, kind in types.items()])
            connection.register("rows", pa.Table.from_pylist(rows, schema))
            connection.execute(f"CREATE TABLE {layer}.{name} AS SELECT * FROM rows")
        return {
            view: sorted(connection.sql(f"SELECT {LABEL[view]}, layer FROM ({view_sql(view)})").fetchall())
            for view in SERVING_VIEWS
        }


def kafka(day, label, *, key=1, minute=0, offset=0, **columns):
    """Return a row of the batch layer's geo table."""
    place = {"topic": "t", "partition": 0, "offset": offset}
    return {"ind": key, "country": label, **place, **logged(day, minute), **columns}


def kinesis(day, label, *, key=1, minute=0, shard=0, sequence_number=1, **columns):
    """Return a row of the speed layer's geo table."""
    place = {"stream": "s", "shard": f"shardId-{shard:012d}", "sequence_number": str(sequence_number)}
    return {"ind": key, "country": label, **place, **logged(day, minute), **columns}


def quarantined(day, key, data_set="geo"):
    return {"data_set": data_set, "key": key, "rules": ["country_missing"], "raw": "{}", **logged(day, 0)}


def logged(day, minute):
    return {"ingest_date": day, "ingested_at": datetime(day.year, day.month, day.day, 12, minute, tzinfo=UTC)}


def geo(*, batch=(), quarantine=(), speed=()):
    """Return what the view of geo shows: label by layer."""
    lake = Lake()
    lake.batch["geo"] += batch
    lake.batch["quarantine"] += quarantine
    lake.speed["geo"] += speed
    return [label for label, _ in shown(lake)["geo"]]


def test_of_a_cleaned_day_batch_shows_what_it_read_and_speed_what_came_by_the_stream_alone():
    assert geo(
        batch=[kafka(MONDAY, "both, by batch", key=1), kafka(MONDAY, "batch alone", key=2)],
        speed=[kinesis(MONDAY, "both, by speed", key=1, minute=59), kinesis(MONDAY, "speed alone", key=3)],
    ) == ["batch alone", "both, by batch", "speed alone"]


def test_a_day_whose_cleaning_failed_between_two_cleaned_ones_is_shown_by_speed():
    assert geo(
        batch=[kafka(MONDAY, "Monday's", key=1), kafka(WEDNESDAY, "Wednesday's", key=3)],
        speed=[
            kinesis(MONDAY, "hidden", key=1),
            kinesis(TUESDAY, "Tuesday's", key=2),
            kinesis(WEDNESDAY, "hidden", key=3),
        ],
    ) == ["Monday's", "Tuesday's", "Wednesday's"]


def test_on_a_failed_day_speed_shows_the_newer_row_of_a_key_that_was_cleaned_before():
    assert geo(batch=[kafka(MONDAY, "Monday's")], speed=[kinesis(TUESDAY, "Tuesday's")]) == ["Tuesday's"]


def test_once_the_failed_day_is_cleaned_batch_shows_it():
    cleaned = [kafka(MONDAY, "Monday's"), kafka(TUESDAY, "Tuesday's by batch")]
    assert geo(batch=cleaned, speed=[kinesis(TUESDAY, "Tuesday's", minute=59)]) == ["Tuesday's by batch"]


def test_a_key_that_batch_quarantined_hides_its_speed_rows_of_that_day_and_earlier_but_not_of_later_ones():
    bad = [quarantined(TUESDAY, "1"), quarantined(TUESDAY, "2"), quarantined(TUESDAY, "3")]
    rows = [kinesis(MONDAY, "earlier", key=1), kinesis(TUESDAY, "same day", key=2), kinesis(WEDNESDAY, "later", key=3)]
    assert geo(quarantine=bad, speed=rows) == ["later"]


def test_a_quarantined_row_hides_no_row_of_another_data_set_nor_one_without_a_readable_key():
    bad = [quarantined(MONDAY, "1", data_set="user"), quarantined(MONDAY, None)]
    assert geo(quarantine=bad, speed=[kinesis(MONDAY, "shown")]) == ["shown"]


def test_a_row_that_batch_quarantined_later_leaves_the_clean_one_of_the_earlier_day():
    assert geo(batch=[kafka(MONDAY, "clean")], quarantine=[quarantined(TUESDAY, "1")]) == ["clean"]


def test_of_a_key_twice_within_a_micro_batch_the_higher_sequence_number_counts_whatever_its_length():
    assert geo(
        speed=[
            kinesis(MONDAY, "9 digits", sequence_number=999_999_999),
            kinesis(MONDAY, "56 digits", sequence_number=10**55 + 1),
            kinesis(MONDAY, "56 digits, one less", sequence_number=10**55),
            kinesis(MONDAY, "55 nines", sequence_number=10**55 - 1),
        ]
    ) == ["56 digits"]


def test_over_shards_the_time_counts_first_and_at_the_same_time_the_number_of_the_shard():
    earlier = [kinesis(MONDAY, "high shard, earlier", shard=99, sequence_number=10**55)]
    assert geo(speed=[*earlier, kinesis(MONDAY, "later", minute=1)]) == ["later"]
    same_time = [kinesis(MONDAY, "shard 9", shard=9, sequence_number=9), kinesis(MONDAY, "shard 10", shard=10)]
    assert geo(speed=same_time) == ["shard 10"]


def pins(batch=(), speed=()):
    lake = Lake()
    lake.batch["pin"] += [{**row, "title": row["country"]} for row in batch]
    lake.speed["pin"] += [{**row, "title": row["country"]} for row in speed]
    return shown(lake)["pin"]


def test_of_two_pins_of_one_post_in_two_layers_the_latest_is_shown():
    batch = [kafka(MONDAY, "batch", unique_id="a")]
    assert pins(batch, [kinesis(TUESDAY, "speed", unique_id="b")]) == [("speed", "speed")]
    assert pins(batch, [kinesis(MONDAY, "speed", unique_id="b", minute=1)]) == [("speed", "speed")]
    later = [kafka(MONDAY, "batch", unique_id="a", minute=2)]
    assert pins(later, [kinesis(MONDAY, "speed", unique_id="b", minute=1)]) == [("batch", "batch")]


def test_a_pin_that_moved_in_the_stream_leaves_its_post_to_the_one_that_batch_has_there():
    batch = [
        kafka(MONDAY, "left behind", unique_id="a", minute=1),
        kafka(MONDAY, "moved away", unique_id="b", minute=2),
    ]
    moved = [kinesis(TUESDAY, "moved", key=2, unique_id="b")]
    assert pins(batch, moved) == [("left behind", "batch"), ("moved", "speed")]


@pytest.mark.parametrize("seed", range(30))
def test_the_views_of_a_random_lake_equal_the_independent_computation(seed):
    lake = random_lake(seed)
    expected = views(lake.batch, lake.quarantined, lake.speed)
    assert shown(lake) == {
        view: sorted((row[LABEL[view]], row["layer"]) for row in rows) for view, rows in expected.items()
    }


def test_a_random_lake_has_rows_of_both_layers_in_every_view_and_speed_rows_that_are_hidden():
    lake = random_lake(0)
    for view, rows in views(lake.batch, lake.quarantined, lake.speed).items():
        assert {row["layer"] for row in rows} == {"batch", "speed"}, view
        seen = {row[LABEL[view]] for row in rows}
        assert sum(row[LABEL[view]] not in seen for row in lake.speed[view]) > 20, view
