-- One row per pin (unique_id) over all days, and one pin per post (ind).
-- A key that batch read on a day, clean or quarantined, hides its speed rows of that day and of earlier ones.
-- Of what is left the latest day counts, then the order of the log. Partitions, offsets and sequence numbers are
-- compared as (length, digits): that is their order as numbers, and Kinesis' 56 digits fit no number type.
WITH batch_read AS (
  SELECT read_key, MAX(ingest_date) AS last_day
  FROM (
    SELECT unique_id AS read_key, ingest_date FROM batch.pin
    UNION ALL
    SELECT key AS read_key, ingest_date FROM batch.quarantine WHERE data_set = 'pin' AND key IS NOT NULL
  ) AS read_rows
  GROUP BY read_key
),
candidates AS (
  SELECT
    b.ind, b.unique_id, b.title, b.description, b.follower_count, b.poster_name, b.tag_list, b.is_image_or_video,
    b.image_src, b.save_location, b.category, b.ingest_date, b.ingested_at, 'batch' AS layer,
    b.topic AS log_name, CAST(b.partition AS string) AS log_partition, CAST(b.offset AS string) AS log_position,
    b._rescued_data
  FROM batch.pin AS b
  UNION ALL
  SELECT
    s.ind, s.unique_id, s.title, s.description, s.follower_count, s.poster_name, s.tag_list, s.is_image_or_video,
    s.image_src, s.save_location, s.category, s.ingest_date, s.ingested_at, 'speed' AS layer,
    s.stream AS log_name, s.shard AS log_partition, s.sequence_number AS log_position,
    s._rescued_data
  FROM speed.pin AS s
  LEFT JOIN batch_read AS r ON r.read_key = s.unique_id
  WHERE r.last_day IS NULL OR s.ingest_date > r.last_day
),
ranked_by_key AS (
  SELECT
    candidates.*,
    ROW_NUMBER() OVER (
      PARTITION BY unique_id
      ORDER BY ingest_date DESC, ingested_at DESC, LENGTH(log_partition) DESC, log_partition DESC,
        LENGTH(log_position) DESC, log_position DESC
    ) AS key_rank
  FROM candidates
),
ranked_by_post AS (
  SELECT
    ranked_by_key.*,
    ROW_NUMBER() OVER (
      PARTITION BY ind
      ORDER BY ingest_date DESC, ingested_at DESC, LENGTH(log_partition) DESC, log_partition DESC,
        LENGTH(log_position) DESC, log_position DESC, unique_id DESC
    ) AS post_rank
  FROM ranked_by_key
  WHERE key_rank = 1
)
SELECT
  ind, unique_id, title, description, follower_count, poster_name, tag_list, is_image_or_video, image_src,
  save_location, category, ingest_date, ingested_at, layer, log_name, log_partition, log_position,
  _rescued_data
FROM ranked_by_post
WHERE post_rank = 1
