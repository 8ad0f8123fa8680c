-- The most popular category of each age group.
WITH posts AS (
  SELECT
    CASE
      WHEN u.age BETWEEN 18 AND 24 THEN '18-24'
      WHEN u.age BETWEEN 25 AND 35 THEN '25-35'
      WHEN u.age BETWEEN 36 AND 50 THEN '36-50'
      WHEN u.age > 50 THEN '+50'
    END AS age_group,
    p.category
  FROM serving.pin AS p
  JOIN serving.user AS u ON u.ind = p.ind
  WHERE p.category IS NOT NULL
),
counted AS (
  SELECT age_group, category, COUNT(*) AS category_count
  FROM posts
  WHERE age_group IS NOT NULL
  GROUP BY age_group, category
),
ranked AS (
  SELECT
    age_group, category, category_count,
    RANK() OVER (PARTITION BY age_group ORDER BY category_count DESC) AS popularity
  FROM counted
)
SELECT age_group, category, category_count
FROM ranked
WHERE popularity = 1
ORDER BY age_group, category, category_count
