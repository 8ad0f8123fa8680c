-- The most popular category of each year of the post, 2018-2022.
WITH posts AS (
  SELECT CAST(YEAR(g.timestamp) AS int) AS post_year, p.category
  FROM serving.pin AS p
  JOIN serving.geo AS g ON g.ind = p.ind
  WHERE p.category IS NOT NULL
),
counted AS (
  SELECT post_year, category, COUNT(*) AS category_count
  FROM posts
  WHERE post_year BETWEEN 2018 AND 2022
  GROUP BY post_year, category
),
ranked AS (
  SELECT
    post_year, category, category_count,
    RANK() OVER (PARTITION BY post_year ORDER BY category_count DESC) AS popularity
  FROM counted
)
SELECT post_year, category, category_count
FROM ranked
WHERE popularity = 1
ORDER BY post_year, category, category_count
