-- One row per post (ind) over all days.
-- A key that batch read on a day, clean or quarantined, hides its speed rows of that day and of earlier ones.
-- Of what is left the latest day counts, then the order of the log. Partitions, offsets and sequence numbers are
-- compared as (length, digits): that is their order as numbers, and Kinesis' 56 digits fit no number type.
WITH batch_read AS (
  SELECT read_key, MAX(ingest_date) AS last_day
  FROM (
    SELECT CAST(ind AS string) AS read_key, ingest_date FROM batch.user
    UNION ALL
    SELECT key AS read_key, ingest_date FROM batch.quarantine WHERE data_set = 'user' AND key IS NOT NULL
  ) AS read_rows
  GROUP BY read_key
),
candidates AS (
  SELECT
    b.ind, b.user_name, b.age, b.date_joined, b.ingest_date, b.ingested_at, 'batch' AS layer,
    b.topic AS log_name, CAST(b.partition AS string) AS log_partition, CAST(b.offset AS string) AS log_position,
    b._rescued_data
  FROM batch.user AS b
  UNION ALL
  SELECT
    s.ind, s.user_name, s.age, s.date_joined, s.ingest_date, s.ingested_at, 'speed' AS layer,
    s.stream AS log_name, s.shard AS log_partition, s.sequence_number AS log_position,
    s._rescued_data
  FROM speed.user AS s
  LEFT JOIN batch_read AS r ON r.read_key = CAST(s.ind AS string)
  WHERE r.last_day IS NULL OR s.ingest_date > r.last_day
),
ranked AS (
  SELECT
    candidates.*,
    ROW_NUMBER() OVER (
      PARTITION BY ind
      ORDER BY ingest_date DESC, ingested_at DESC, LENGTH(log_partition) DESC, log_partition DESC,
        LENGTH(log_position) DESC, log_position DESC
    ) AS key_rank
  FROM candidates
)
SELECT
  ind, user_name, age, date_joined, ingest_date, ingested_at, layer, log_name, log_partition, log_position,
  _rescued_data
FROM ranked
WHERE key_rank = 1
