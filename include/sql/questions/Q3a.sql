-- The poster with most followers of each country; one who posted there often counts once.
WITH ranked AS (
  SELECT
    g.country, p.poster_name, p.follower_count,
    RANK() OVER (PARTITION BY g.country ORDER BY p.follower_count DESC) AS popularity
  FROM serving.pin AS p
  JOIN serving.geo AS g ON g.ind = p.ind
  WHERE g.country IS NOT NULL AND p.poster_name IS NOT NULL AND p.follower_count IS NOT NULL
)
SELECT DISTINCT country, poster_name, follower_count
FROM ranked
WHERE popularity = 1
ORDER BY country, poster_name, follower_count
