import pytest

from spark_jobs.clean_batch import main

pytestmark = pytest.mark.spark

REST = ["--bucket", "b", "--lake", "s3://b/delta", "--pipeline-id", "p", "--run-id", "r"]


@pytest.mark.parametrize("day", ["2020-02-30", "20200101", "2020-W01-1", "today", ""])
def test_a_day_that_is_none_is_refused(day, capsys):
    with pytest.raises(SystemExit):
        main(["--day", day, *REST])
    assert f"{day!r} is not a day" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["1.5", "-0.1", "nan", "much"])
def test_a_share_outside_0_and_1_is_refused(share, capsys):
    with pytest.raises(SystemExit):
        main(["--day", "2020-01-01", f"--superseded-share={share}", *REST])
    assert f"{share!r} is not a share" in capsys.readouterr().err
