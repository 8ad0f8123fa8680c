-- Users who joined in each year 2015-2020, with or without a pin: their posts, and the distinct people among them.
WITH people AS (
  SELECT CAST(YEAR(date_joined) AS int) AS post_year, user_name, age, date_joined, COUNT(*) AS posts
  FROM serving.user
  WHERE user_name IS NOT NULL AND age IS NOT NULL
  GROUP BY user_name, age, date_joined
)
SELECT post_year, CAST(SUM(posts) AS bigint) AS number_users_joined, COUNT(*) AS number_people_joined
FROM people
WHERE post_year BETWEEN 2015 AND 2020
GROUP BY post_year
ORDER BY post_year, number_users_joined, number_people_joined
