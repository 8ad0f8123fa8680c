-- The median follower count of users who joined in each year 2015-2020, by age group, over posts.
WITH posts AS (
  SELECT
    CASE
      WHEN u.age BETWEEN 18 AND 24 THEN '18-24'
      WHEN u.age BETWEEN 25 AND 35 THEN '25-35'
      WHEN u.age BETWEEN 36 AND 50 THEN '36-50'
      WHEN u.age > 50 THEN '+50'
    END AS age_group,
    CAST(YEAR(u.date_joined) AS int) AS post_year,
    p.follower_count
  FROM serving.pin AS p
  JOIN serving.user AS u ON u.ind = p.ind
  WHERE p.follower_count IS NOT NULL
)
SELECT age_group, post_year, MEDIAN(follower_count) AS median_follower_count
FROM posts
WHERE age_group IS NOT NULL AND post_year BETWEEN 2015 AND 2020
GROUP BY age_group, post_year
ORDER BY age_group, post_year, median_follower_count
