import pytest

from spark_jobs.clean_batch import day_of, main, parse
from spark_jobs.day_cleaning import Day
from spark_jobs.expectations import Tolerance
from spark_jobs.quarantined_share import QuarantineLimit

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


def test_each_option_lands_in_its_field():
    options = {
        "day": "2020-01-31", "bucket": "b", "lake": "s3://b/delta", "pipeline-id": "p", "superseded-share": 0.1,
        "missing-raw": "accept", "max-quarantined-share": 0.2, "quarantined-rows-allowed": 3,
        "too-many-quarantined": "accept", "expected-rows-low": 0.4, "expected-rows-high": 5.0,
        "expected-share-change": 0.6, "expected-unknown-share": 0.7, "run-id": "r", "region": "eu-west-1",
        "service-credential": "c",
    }  # fmt: skip
    parsed = parse([f"--{name}={value}" for name, value in options.items()])
    assert vars(parsed) == {name.replace("-", "_"): value for name, value in options.items()}
    assert day_of(parsed) == Day(
        day="2020-01-31",
        root="s3://b",
        lake="s3://b/delta",
        pipeline_id="p",
        superseded_share=0.1,
        run_id="r",
        quarantine_limit=QuarantineLimit(share=0.2, rows=3, choice="accept"),
        tolerance=Tolerance(rows_low=0.4, rows_high=5.0, share_change=0.6, unknown_share=0.7, superseded_share=0.1),
    )
