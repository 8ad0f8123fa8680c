import pytest

from local.databricks.executor import restart_delay_s


@pytest.mark.parametrize(("failures", "delay_s"), [(0, 1), (1, 2), (4, 16), (6, 60), (1000, 60)])
def test_a_continuous_job_waits_twice_as_long_after_each_failure_but_at_most_a_minute(failures, delay_s):
    assert restart_delay_s(failures) == delay_s
