-- The country of the poster with most followers of all.
WITH posts AS (
  SELECT g.country, p.follower_count
  FROM serving.pin AS p
  JOIN serving.geo AS g ON g.ind = p.ind
  WHERE g.country IS NOT NULL AND p.follower_count IS NOT NULL
)
SELECT DISTINCT country, follower_count
FROM posts
WHERE follower_count = (SELECT MAX(follower_count) FROM posts)
ORDER BY country, follower_count
