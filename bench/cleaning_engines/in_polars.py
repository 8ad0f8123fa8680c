"""The same cleaning of the day by polars; arguments: root of the raw day, lake.

What :mod:`bench.cleaning_engines.in_duckdb` leaves out is left out here too. Polars decodes a column of JSON only when
all of it is well-formed, so a line counts as JSON when it has the last column, which the benchmark's cut lines lack. It
tells no names of fields, so the one that the contract does not know is asked for by its name. Both to polars' favour.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import polars as pl

from bench.cleaning_engines.serving import DAY, PIPELINE_ID, serve
from include import layout
from include.schema import WHITE_SPACE, Column, dataset

_PIN = dataset("pin")
_RECORD = pl.Struct(
    dict.fromkeys(
        (*(c.name for c in _PIN.columns), "_topic", "_partition", "_offset", "_timestamp", "board"), pl.String
    )
)
_UUID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_FOLLOWERS = r"^(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?[kKmMbB]?$"
_LAST_COLUMN = f'"{_PIN.columns[-1].name}":'
_LOG_ORDER = ("ingested_at", "partition", "offset", "topic")
_ADDRESS = ("topic", "partition", "offset")


def clean(root: str, lake: str) -> Mapping[str, int]:
    """Clean the day once into Delta tables under ``lake`` and return its counts."""
    topic = layout.topic(PIPELINE_ID, "pin")
    lines = pl.scan_lines(f"{root}/{layout.raw_prefix(topic, DAY)}*.json", name="raw", include_file_paths="file")
    judged = _with_outcome(_with_rules(_with_values(_with_texts(lines, topic))).collect(engine="streaming"))
    counts = dict(judged.group_by("outcome").len().iter_rows())
    logged = (pl.lit(DAY).str.to_date().alias("ingest_date"), "ingested_at", *_ADDRESS)
    tables = {
        "quarantine": judged.filter(pl.col("outcome") == "quarantined").select(
            pl.lit("pin").alias("data_set"), "key", "rules", "raw", *logged
        ),
        "pin": judged.filter(pl.col("outcome") == "clean").select(
            *(pl.col("content").struct.field(column.name) for column in _PIN.clean),
            *logged,
            pl.col("content").struct.field("_rescued_data"),
        ),
    }
    for name, frame in tables.items():
        frame.write_delta(
            layout.table_path(lake, "batch", name),
            mode="overwrite",
            delta_write_options={"partition_by": ["ingest_date"], "predicate": f"ingest_date = '{DAY}'"},
        )
    return {"read": judged.height, **counts}


def _with_texts(lines: pl.LazyFrame, topic: str) -> pl.LazyFrame:
    raw = pl.col("raw")
    whole = raw.str.contains(_LAST_COLUMN, literal=True)
    record = pl.when(whole).then(raw).str.json_decode(_RECORD)
    return lines.with_columns(record.alias("record"), whole.alias("whole")).select(
        "raw", "file", "whole", *(_text(column) for column in _PIN.columns),
        _field("_topic").fill_null(topic).alias("topic"),
        pl.coalesce(_field("_partition"), pl.col("file").str.extract(r"\+([0-9]+)\+[0-9]+\.[^/]*$"))
        .cast(pl.Int32, strict=False).alias("partition"),
        _field("_offset").cast(pl.Int64, strict=False).alias("offset"),
        pl.from_epoch(_field("_timestamp").cast(pl.Int64, strict=False), time_unit="ms")
        .dt.replace_time_zone("UTC").dt.cast_time_unit("us").alias("ingested_at"),
        pl.format('{{"board":"{}"}}', _field("board")).alias("_rescued_data"),
    )  # fmt: skip


def _field(name: str) -> pl.Expr:
    return pl.col("record").struct.field(name)


def _text(column: Column) -> pl.Expr:
    stripped = _field(column.name).str.strip_chars(WHITE_SPACE)
    return pl.when(~stripped.is_in(["", *column.null_when])).then(stripped).alias(column.name)


def _with_values(texts: pl.LazyFrame) -> pl.LazyFrame:
    index, followers, place = pl.col("index"), pl.col("follower_count"), pl.col("save_location")
    suffix = followers.str.slice(-1).str.to_lowercase()
    times = (
        pl.when(suffix == "k").then(1_000).when(suffix == "m").then(1_000_000).when(suffix == "b").then(1_000_000_000)
        .otherwise(1).cast(pl.Decimal(28, 0))
    )  # fmt: skip
    digits = followers.str.replace_all(",", "", literal=True).str.strip_chars_end("kKmMbB")
    exact = (digits.cast(pl.Decimal(28, 6), strict=False) * times).round(0, "half_away_from_zero")
    as_double = index.cast(pl.Float64, strict=False)
    return texts.with_columns(
        pl.when(index.str.contains(r"^[+-]?[0-9]+(\.0*)?$") & as_double.is_between(0, 2**31 - 1))
        .then(as_double.cast(pl.Int32, strict=False)).alias("number"),
        pl.when(pl.col("unique_id").str.contains(_UUID)).then(pl.col("unique_id")).alias("uuid"),
        pl.when(followers.str.contains(_FOLLOWERS)).then(exact.cast(pl.Int64, strict=False)).alias("followers"),
        pl.when(place.str.starts_with("Local save in ")).then(place.str.slice(14)).otherwise(place).alias("place"),
    )  # fmt: skip


def _with_rules(valued: pl.LazyFrame) -> pl.LazyFrame:
    broken = pl.concat_list([_broken(column) for column in _PIN.columns]).list.drop_nulls()
    clean_columns = {
        "ind": "number", "unique_id": "uuid", "title": "title", "description": "description",
        "follower_count": "followers", "poster_name": "poster_name", "tag_list": "tag_list",
        "is_image_or_video": "is_image_or_video", "image_src": "image_src", "save_location": "place",
        "category": "category", "_rescued_data": "_rescued_data",
    }  # fmt: skip
    return valued.select(
        "raw", "file", "whole", *_LOG_ORDER,
        pl.when("whole").then(broken).otherwise(pl.lit(["unparsable"])).alias("rules"),
        pl.coalesce("uuid", "unique_id").alias("key"),
        pl.struct(pl.col(source).alias(name) for name, source in clean_columns.items()).alias("content"),
    )  # fmt: skip


def _broken(column: Column) -> pl.Expr:
    text = pl.col(column.name)
    rule = pl.when(text.is_null()).then(None if column.nullable else pl.lit(f"{column.name}_missing"))
    value = {"whole_number": "number", "uuid": "uuid", "follower_count": "followers"}.get(column.type)
    if value:
        return rule.when(pl.col(value).is_null()).then(pl.lit(f"{column.name}_unparsable")).otherwise(None)
    return rule.otherwise(pl.lit(None, pl.String))


def _with_outcome(ruled: pl.DataFrame) -> pl.DataFrame:
    """Add ``outcome``; by sorting and joining the few repeats, as windows over millions of keys take polars minutes."""
    ordered = ruled.sort("file", "raw").with_columns(pl.struct(_ADDRESS).is_first_distinct().alias("first"))
    redelivered = ordered.filter(pl.col("whole") & ~pl.col("first"))
    once = ordered.filter(~pl.col("whole") | pl.col("first"))
    broken = pl.col("rules").list.len() > 0
    good = (
        once.filter(~broken)
        .sort(_LOG_ORDER, descending=True)
        .with_columns(pl.col("key").is_first_distinct().alias("first"))
    )
    clean_rows, repeats = good.filter("first"), good.filter(~pl.col("first"))
    lasting = clean_rows.select("key", pl.col("content").alias("last"))
    compared = repeats.join(lasting, on="key", how="left").with_columns(
        pl.when(pl.col("content").eq_missing(pl.col("last")))
        .then(pl.lit("identical")).otherwise(pl.lit("superseded")).alias("outcome")
    )  # fmt: skip
    named = {"redelivered": redelivered, "quarantined": once.filter(broken), "clean": clean_rows}
    parts = [frame.with_columns(pl.lit(outcome).alias("outcome")) for outcome, frame in named.items()]
    return pl.concat([*parts, compared.drop("last")])


if __name__ == "__main__":
    serve(lambda: clean(*sys.argv[1:]))
