"""Links of tasks in Airflow's UI to what they are about; each is made when its task ends, and holds no secret."""
