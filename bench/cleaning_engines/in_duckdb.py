"""The same cleaning of the day by duckdb; arguments: root of the raw day, lake.

Rules and order are those of docs/data.md, columns and placeholders those of include/schemas/pin.yaml; what no line of
the benchmark's day holds (bytes that are not UTF-8, nested values, glued lines, dead letters) is left out, to duckdb's
favour.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import duckdb
from deltalake import write_deltalake

from bench.cleaning_engines.serving import DAY, PIPELINE_ID, serve
from include import layout
from include.schema import WHITE_SPACE, Column, dataset

_PIN = dataset("pin")
_FIELDS = [*(column.name for column in _PIN.columns), "_topic", "_partition", "_offset", "_timestamp"]
_UUID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_FOLLOWERS = "^([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(\\.[0-9]+)?([kKmMbB]?)$"


def _text(column: Column) -> str:
    """Return the SQL of a column's text: stripped, NULL where it is empty or a placeholder."""
    stripped = f'trim(record."{column.name}", $white_space)'
    nothing = ", ".join("'" + value.replace("'", "''") + "'" for value in ("", *column.null_when))
    return f'CASE WHEN {stripped} NOT IN ({nothing}) THEN {stripped} END AS "{column.name}"'


def _broken(column: Column) -> str:
    """Return the SQL of the name of the rule that a column breaks, or NULL."""
    missing = "" if column.nullable else f"WHEN \"{column.name}\" IS NULL THEN '{column.name}_missing'"
    value = {"whole_number": "number", "uuid": "uuid", "follower_count": "followers"}.get(column.type)
    unparsable = (
        f"WHEN \"{column.name}\" IS NOT NULL AND {value} IS NULL THEN '{column.name}_unparsable'" if value else ""
    )
    return f"CASE {missing} {unparsable} END" if missing or unparsable else "NULL"


# A merge with NULL takes a field away; the fields that are left are in the order of the line, of which one has one.
_KNOWN = "[" + ",".join(f"'{name}'" for name in _FIELDS) + "]"
_WITHOUT_KNOWN = "{" + ",".join(f'"{name}":null' for name in _FIELDS) + "}"
_RESCUED = f"""
    CASE WHEN record IS NOT NULL
              AND len(list_filter(json_keys(line), lambda name: NOT list_contains({_KNOWN}, name))) > 0
         THEN json_merge_patch(line, '{_WITHOUT_KNOWN}')::VARCHAR END"""
_SCHEMA = "{" + ",".join(f'"{name}":"VARCHAR"' for name in _FIELDS) + "}"
_JUDGED = f"""
CREATE OR REPLACE TEMP TABLE judged AS
WITH parsed AS (
    SELECT line, filename AS file, CASE WHEN json_valid(line) THEN from_json(line, '{_SCHEMA}') END AS record
    FROM read_csv($files, columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '', header = false,
                  auto_detect = false, filename = true, max_line_size = 16777216)
), texts AS (
    SELECT line, file, record IS NOT NULL AS whole, {", ".join(map(_text, _PIN.columns))},
           coalesce(record._topic, $topic) AS topic,
           coalesce(TRY_CAST(record._partition AS INT), TRY_CAST(split_part(file, '+', -2) AS INT)) AS partition,
           TRY_CAST(record._offset AS BIGINT) AS "offset",
           make_timestamptz(TRY_CAST(record._timestamp AS BIGINT) * 1000) AS ingested_at,
           {_RESCUED} AS rescued
    FROM parsed
), valued AS (
    SELECT *,
           CASE WHEN regexp_matches("index", '^[+-]?[0-9]+(\\.0*)?$')
                     AND TRY_CAST("index" AS DOUBLE) BETWEEN 0 AND 2147483647
                THEN TRY_CAST("index" AS INT) END AS number,
           CASE WHEN regexp_matches(unique_id, '{_UUID}') THEN unique_id END AS uuid,
           CASE WHEN regexp_matches(follower_count, '{_FOLLOWERS}') THEN CAST(floor(
                CAST(replace(regexp_extract(follower_count, '^[0-9,.]+'), ',', '') AS DECIMAL(28, 6))
                * CASE lower(right(follower_count, 1)) WHEN 'k' THEN 1000 WHEN 'm' THEN 1000000 WHEN 'b' THEN 1000000000
                       ELSE 1 END + 0.5) AS BIGINT) END AS followers,
           CASE WHEN starts_with(save_location, 'Local save in ') THEN substr(save_location, 15) ELSE save_location END
               AS place
    FROM texts
), ruled AS (
    SELECT line, file, topic, partition, "offset", ingested_at,
           CASE WHEN whole THEN list_filter([{", ".join(map(_broken, _PIN.columns))}], lambda rule: rule IS NOT NULL)
                ELSE ['unparsable'] END AS rules,
           coalesce(uuid, unique_id) AS "key",
           struct_pack(ind := number, unique_id := uuid, title := title, description := description,
                       follower_count := followers, poster_name := poster_name, tag_list := tag_list,
                       is_image_or_video := is_image_or_video, image_src := image_src, save_location := place,
                       category := category, _rescued_data := rescued) AS content,
           whole AND row_number() OVER (
               PARTITION BY topic, partition, "offset", CASE WHEN NOT whole THEN hash(line) END ORDER BY file, line
           ) > 1 AS redelivered
    FROM valued
), windowed AS (
    SELECT *, NOT redelivered AND len(rules) = 0 AS good,
           row_number() OVER latest AS place_in_key, first(content) OVER latest AS last_content
    FROM ruled
    WINDOW latest AS (
        PARTITION BY CASE WHEN NOT redelivered AND len(rules) = 0 THEN "key" END,
                     CASE WHEN redelivered OR len(rules) > 0 THEN hash(line) END
        ORDER BY ingested_at DESC, partition DESC, "offset" DESC, topic DESC
    )
)
SELECT "key", content, rules, line AS raw, topic, partition, "offset", ingested_at,
       CASE WHEN redelivered THEN 'redelivered' WHEN len(rules) > 0 THEN 'quarantined'
            WHEN place_in_key = 1 THEN 'clean' WHEN content IS NOT DISTINCT FROM last_content THEN 'identical'
            ELSE 'superseded' END AS outcome
FROM windowed
"""  # nosec B608 # constants only
_TABLES = {
    "quarantine": f"""
        SELECT 'pin' AS data_set, "key", rules, raw, DATE '{DAY}' AS ingest_date, ingested_at,
               topic, partition, "offset"
        FROM judged WHERE outcome = 'quarantined'""",  # nosec B608
    "pin": f"""
        SELECT unnest(struct_pack({", ".join(f"{c.name} := content.{c.name}" for c in _PIN.clean)})),
               DATE '{DAY}' AS ingest_date, ingested_at, topic, partition, "offset", content._rescued_data
        FROM judged WHERE outcome = 'clean'""",  # nosec B608
}


def clean(root: str, lake: str) -> Mapping[str, int]:
    """Clean the day once into Delta tables under ``lake`` and return its counts."""
    topic = layout.topic(PIPELINE_ID, "pin")
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        files = f"{root}/{layout.raw_prefix(topic, DAY)}*.json"
        connection.execute(_JUDGED, {"files": files, "topic": topic, "white_space": WHITE_SPACE})
        counts = dict(connection.execute("SELECT outcome, count(*) FROM judged GROUP BY outcome").fetchall())
        for name, query in _TABLES.items():
            write_deltalake(
                layout.table_path(lake, "batch", name),
                connection.sql(query).to_arrow_reader(),
                mode="overwrite",
                partition_by=["ingest_date"],
                predicate=f"ingest_date = '{DAY}'",
            )
    return {"read": sum(counts.values()), **counts}


if __name__ == "__main__":
    serve(lambda: clean(*sys.argv[1:]))
