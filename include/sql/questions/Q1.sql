-- The most popular category of each country.
WITH counted AS (
  SELECT g.country, p.category, COUNT(*) AS category_count
  FROM serving.pin AS p
  JOIN serving.geo AS g ON g.ind = p.ind
  WHERE g.country IS NOT NULL AND p.category IS NOT NULL
  GROUP BY g.country, p.category
),
ranked AS (
  SELECT
    country, category, category_count,
    RANK() OVER (PARTITION BY country ORDER BY category_count DESC) AS popularity
  FROM counted
)
SELECT country, category, category_count
FROM ranked
WHERE popularity = 1
ORDER BY country, category, category_count
