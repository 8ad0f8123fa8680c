-- The median follower count of users who joined in each year 2015-2020, over posts.
WITH posts AS (
  SELECT CAST(YEAR(u.date_joined) AS int) AS post_year, p.follower_count
  FROM serving.pin AS p
  JOIN serving.user AS u ON u.ind = p.ind
  WHERE p.follower_count IS NOT NULL
)
SELECT post_year, MEDIAN(follower_count) AS median_follower_count
FROM posts
WHERE post_year BETWEEN 2015 AND 2020
GROUP BY post_year
ORDER BY post_year, median_follower_count
