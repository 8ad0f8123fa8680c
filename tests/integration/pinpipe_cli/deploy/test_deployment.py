"""Deployments to S3 and Databricks' volumes, which are there, and to an MWAA environment that runs what S3 holds."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pinpipe_cli.databricks_workspace import Workspace
from pinpipe_cli.deploy.databricks_volume import DatabricksVolume
from pinpipe_cli.deploy.deployment_lock import KEY as LOCK
from pinpipe_cli.deploy.deployment_lock import deployment_lock
from pinpipe_cli.deploy.deployment_record import records, write_record
from pinpipe_cli.deploy.errors import DeploymentError, VolumeMissingError
from pinpipe_cli.deploy.plugins_archive import plugins_archive
from pinpipe_cli.deploy.versioned_bucket import VersionedBucket
from tests.integration.pinpipe_cli.deploy.conftest import World

pytestmark = pytest.mark.integration

CONSTRAINTS = "constraints-airflow-3.3.1-py3.12.txt"


def bucket_of(world: World) -> VersionedBucket:
    return VersionedBucket(world.mwaa.s3, world.mwaa.bucket)


def test_a_first_deployment_brings_everything_and_writes_it_down(world: World) -> None:
    world.deploy()
    mwaa = world.mwaa
    assert mwaa.in_use("Plugins") == plugins_archive(world.checkout)
    assert mwaa.in_use("Requirements").startswith(f'--constraint "/usr/local/airflow/dags/{CONSTRAINTS}"\n'.encode())
    files = mwaa.dag_files()
    assert set(files) == {"clean_batch.py", "provision.py", CONSTRAINTS}
    assert files["clean_batch.py"] == b"# clean_batch, first"
    wheel = re.search(r"PINPIPE_SPARK_WHEEL=(\S+)", mwaa.in_use("StartupScript").decode())
    assert wheel
    assert world.target.volume.holds(wheel[1])
    (record,) = records(bucket_of(world))
    assert record.verified
    assert record.content["files"]["plugins"]["version"] == mwaa.environment["PluginsS3ObjectVersion"]
    assert re.fullmatch("[0-9a-f]{40}", record.content["commit"])
    assert LOCK not in world.stored_keys()
    assert "verified: 2 DAGs are as deployed, no file fails to load" in world.said
    assert world.mwaa.updates[0]["WorkerReplacementStrategy"] == "GRACEFUL"


def test_a_second_deployment_stores_and_updates_nothing_and_says_so(world: World) -> None:
    world.deploy()
    before, recorded = world.versions(), records(bucket_of(world))
    said = world.deploy()
    assert any(line.startswith("nothing to deploy: pinpipe is at ") for line in said)
    assert (world.versions(), records(bucket_of(world))) == (before, recorded)
    assert len(world.mwaa.updates) == 1


def test_a_dry_run_tells_all_and_changes_nothing(world: World) -> None:
    said = world.deploy(dry_run=True)
    bucket = world.mwaa.bucket
    assert f"  store s3://{bucket}/plugins.zip" in said
    assert f"  store s3://{bucket}/dags/clean_batch.py" in said
    assert any(line.startswith("  store /Volumes/main/") for line in said)
    assert any("update the MWAA environment pinpipe" in line for line in said)
    assert (world.stored_keys(), world.mwaa.updates) == ([], [])
    assert not world.target.volume.holds(re.search(r"/Volumes\S+", "\n".join(said))[0])


def test_a_changed_dag_is_stored_alone_and_needs_no_update(world: World) -> None:
    world.deploy()
    before = world.versions()
    world.write("dags/clean_batch.py", "# second")
    world.deploy()
    assert sorted([*before, "dags/clean_batch.py"]) == world.versions()
    assert len(world.mwaa.updates) == 1


def test_a_removed_dag_goes_and_what_is_none_of_the_folder_stays(world: World) -> None:
    world.deploy()
    others = ("dags-of-others/x.py", "data/y", "dags.txt")
    for key in others:
        world.mwaa.s3.put_object(Bucket=world.mwaa.bucket, Key=key, Body=b"z")
    world.mwaa.s3.put_object(Bucket=world.mwaa.bucket, Key="dags/by_hand.py", Body=b"z")
    world.write("dags/provision.py", None)
    world.deploy()
    assert world.stored_keys("dags/") == ["dags/clean_batch.py", f"dags/{CONSTRAINTS}"]
    assert set(others) <= set(world.stored_keys())


def test_what_somebody_else_has_stored_with_the_same_content_is_left_alone(world: World) -> None:
    file = {"Key": "dags/clean_batch.py", "Body": b"# clean_batch, first"}
    world.mwaa.s3.put_object(Bucket=world.mwaa.bucket, **file)
    world.deploy()
    assert world.versions().count("dags/clean_batch.py") == 1


def test_a_changed_spark_job_is_a_new_wheel_that_the_environment_is_told_of(world: World) -> None:
    world.deploy()
    first = world.mwaa.in_use("StartupScript")
    world.write("spark_jobs/expectations.py", (world.checkout / "spark_jobs/expectations.py").read_text() + "\n# new\n")
    said = world.deploy()
    assert world.mwaa.in_use("StartupScript") != first
    assert world.versions().count("plugins.zip") == 1
    new = world.mwaa.in_use("StartupScript").decode()
    assert [wheel in new for wheel in world.mwaa.provisioned] == [True]
    assert "  jobs: success in 1.0 s" in said


def test_a_first_deployment_and_one_of_the_same_wheel_are_not_provisioned(world: World) -> None:
    said = world.deploy()
    assert said[-1] == "Spark jobs of the new wheel are declared by: pinpipe run provision --env local"
    world.write("dags/clean_batch.py", "# second")
    assert not any("provision --env" in line for line in world.deploy())
    assert world.mwaa.provisioned == []


def test_a_deployment_after_a_teardown_provisions_nothing_and_says_so(world: World) -> None:
    world.deploy()
    _change_wheel(world)
    world.mwaa.is_provisioned = False
    told = world.deploy()[-1]
    assert "left alone: jobs that are there keep the wheel of before. `pinpipe run provision --env local` makes" in told
    assert any(line.startswith("nothing to deploy: ") for line in world.deploy())
    assert len(world.mwaa.provisioned) == 1


def test_a_rollback_from_a_bad_wheel_declares_the_jobs_with_that_of_before(world: World) -> None:
    world.deploy()
    (good,) = wheels(world)
    _change_wheel(world)
    world.deploy(provision=False)
    assert wheels(world) != [good]
    world.roll_back()
    assert world.mwaa.provisioned == [good]


def test_a_rollback_whose_jobs_stay_on_the_bad_wheel_fails_and_says_what_to_run(world: World) -> None:
    world.deploy()
    _change_wheel(world)
    assert "declared by: pinpipe run provision --env local --conf '{" in world.deploy(provision=False)[-1]
    world.mwaa.provision_fails = True
    with pytest.raises(
        DeploymentError,
        match=r"(?s)Databricks said no.*MAY STILL RUN THE WHEEL OF BEFORE.*`pinpipe run provision --env local --conf",
    ):
        world.roll_back()
    assert records(bucket_of(world))[0].verified


def test_jobs_that_a_failed_deployment_did_not_declare_are_declared_by_the_next_one(world: World) -> None:
    world.deploy()
    _change_wheel(world)
    world.write("dags/clean_batch.py", "broken")
    with pytest.raises(DeploymentError, match="mend and deploy it again"):
        world.deploy()
    assert world.mwaa.provisioned == []
    world.write("dags/clean_batch.py", "# mended")
    world.mwaa.provision_fails = True
    with pytest.raises(DeploymentError, match="MAY STILL RUN THE WHEEL OF BEFORE"):
        world.deploy()
    world.mwaa.provision_fails = False
    tried = len(world.mwaa.provisioned)
    assert any("run provision, which declares the Spark jobs" in line for line in world.deploy(dry_run=True))
    said = world.deploy()
    assert any(line.startswith("nothing to deploy: ") for line in said)
    assert world.mwaa.provisioned[tried:] == wheels(world)
    world.deploy()
    assert len(world.mwaa.provisioned) == tried + 1


def wheels(world: World) -> list[str]:
    return re.findall(r"PINPIPE_SPARK_WHEEL=(\S+)", world.mwaa.in_use("StartupScript").decode())


def _change_wheel(world: World) -> None:
    world.write("spark_jobs/expectations.py", (world.checkout / "spark_jobs/expectations.py").read_text() + "\n# new\n")


def test_a_failed_update_tells_why_and_leaves_the_dags_as_they_were(world: World) -> None:
    world.deploy()
    world.mwaa.refuses_updates_with = {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": "no such package"}
    world.write("plugins/pinpipe_plugin.py", "# other")
    world.write("dags/clean_batch.py", "# second")
    with pytest.raises(DeploymentError, match=r"INCORRECT_CONFIGURATION: no such package"):
        world.deploy()
    assert world.mwaa.dag_files()["clean_batch.py"] == b"# clean_batch, first"
    assert len(records(bucket_of(world))) == 1
    world.mwaa.refuses_updates_with = None
    world.deploy()  # takes up what is left, and stores nothing twice
    assert world.versions().count("plugins.zip") == 2
    assert world.mwaa.in_use("Plugins") == plugins_archive(world.checkout)
    assert world.mwaa.dag_files()["clean_batch.py"] == b"# second"


def test_a_dag_that_does_not_load_fails_the_deployment_and_is_named(world: World) -> None:
    world.deploy()
    world.write("dags/clean_batch.py", "broken")
    with pytest.raises(DeploymentError, match=r"clean_batch\.py: NameError: no\. It was deployed.*pinpipe rollback"):
        world.deploy()
    newest, _ = records(bucket_of(world))
    assert not newest.verified
    with pytest.raises(DeploymentError, match=r"clean_batch\.py"):
        world.deploy()  # the second time, too, though there is nothing left to do


def test_a_rollback_brings_back_all_of_the_deployment_before(world: World) -> None:
    world.deploy()
    first = {name: world.mwaa.in_use(name) for name in ("Plugins", "Requirements", "StartupScript")}
    version, files = world.mwaa.environment["PluginsS3ObjectVersion"], world.mwaa.dag_files()
    world.write("plugins/pinpipe_plugin.py", "# other")
    world.write("spark_jobs/expectations.py", "# other")
    world.write("dags/provision.py", None)
    world.write("dags/clean_batch.py", "broken")
    world.write("dags/new.py", "# new")
    with pytest.raises(DeploymentError):
        world.deploy()
    said = world.roll_back()
    assert {name: world.mwaa.in_use(name) for name in first} == first
    assert world.mwaa.environment["PluginsS3ObjectVersion"] == version
    assert world.mwaa.dag_files() == files
    assert world.versions().count("plugins.zip") == 2
    newest, broken, good = records(bucket_of(world))
    assert (newest.verified, newest.of, newest.release) == (True, good.name, good.release)
    assert said[0].startswith(f"back to the deployment {good.name}")
    with pytest.raises(DeploymentError, match="no deployment before"):
        world.roll_back()
    assert not broken.verified


def test_a_rollback_of_a_rollback_goes_back_further_and_a_named_one_anywhere(world: World) -> None:
    for text in ("# one", "# two", "# three"):
        world.write("dags/clean_batch.py", text)
        world.deploy()
    last = records(bucket_of(world))[0].name
    for text in (b"# two", b"# one"):
        world.roll_back()
        assert world.mwaa.dag_files()["clean_batch.py"] == text
    world.roll_back(name=last)
    assert world.mwaa.dag_files()["clean_batch.py"] == b"# three"
    with pytest.raises(DeploymentError, match=f"no deployment 'nope'; there are: .*{last}"):
        world.roll_back(name="nope")
    assert len(world.mwaa.updates) == 1


def test_records_keep_their_order_where_a_clock_is_wrong(world: World) -> None:
    world.deploy()
    (first,) = records(bucket_of(world))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    future = replace(
        first,
        name=f"{tomorrow:%Y%m%dT%H%M%S.%fZ}-{first.release}",
        content={**first.content, "deployed_at": tomorrow.isoformat()},
    )
    write_record(bucket_of(world), future, verified=True)
    world.write("dags/clean_batch.py", "# second")
    world.deploy()
    assert records(bucket_of(world))[0].release != first.release


def test_a_rollback_to_what_is_gone_is_refused_before_anything_changes(world: World) -> None:
    world.deploy()
    version = world.mwaa.environment["PluginsS3ObjectVersion"]
    world.write("plugins/pinpipe_plugin.py", "# other")
    world.write("dags/clean_batch.py", "# second")
    world.deploy()
    world.mwaa.s3.delete_object(Bucket=world.mwaa.bucket, Key="plugins.zip", VersionId=version)
    with pytest.raises(DeploymentError, match=r"versions of plugins\.zip .* are not in .* any more: check out"):
        world.roll_back()
    assert world.mwaa.dag_files()["clean_batch.py"] == b"# second"
    assert len(world.mwaa.updates) == 2


def test_who_loses_the_race_is_told_who_deploys_and_changes_nothing(world: World) -> None:
    with deployment_lock(bucket_of(world)), pytest.raises(DeploymentError, match=r"@.* has been deploying since"):
        world.deploy()
    assert world.stored_keys() == []
    world.deploy()  # the winner has let go


def test_of_many_at_once_one_wins(world: World) -> None:
    inside, refused, done = [], [], threading.Event()
    start = threading.Barrier(6)

    def contend() -> None:
        start.wait(30)
        try:
            with deployment_lock(bucket_of(world)):
                inside.append(1)
                done.wait(30)
        except DeploymentError:
            refused.append(1)
            if len(refused) == 5:
                done.set()

    contenders = [threading.Thread(target=contend) for _ in range(6)]
    for one in contenders:
        one.start()
    for one in contenders:
        one.join(60)
    assert (len(inside), len(refused)) == (1, 5)


def test_the_lock_of_one_that_was_killed_is_taken_over_when_it_has_expired(world: World) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    lock = {"by": "x@y", "since": past.isoformat(), "until": past.isoformat(), "token": "t"}
    world.mwaa.s3.put_object(Bucket=world.mwaa.bucket, Key=LOCK, Body=json.dumps(lock).encode())
    world.deploy()
    assert LOCK not in world.stored_keys()


def test_a_bucket_without_versions_is_refused(world: World) -> None:
    suspended = {"Status": "Suspended"}
    world.mwaa.s3.put_bucket_versioning(Bucket=world.mwaa.bucket, VersioningConfiguration=suspended)
    with pytest.raises(DeploymentError, match=r"versioning of the bucket .* is Suspended, and MWAA needs it"):
        world.deploy()
    assert world.stored_keys() == []


def test_changes_that_are_not_committed_are_refused_unless_allowed(world: World) -> None:
    (world.checkout / "dags" / "clean_batch.py").write_text("# not committed")
    with pytest.raises(DeploymentError, match=r"dags/clean_batch\.py"):
        world.deploy()
    assert world.stored_keys() == []
    world.deploy(allow_dirty=True)
    assert records(bucket_of(world))[0].content["dirty"]


def test_databricks_own_words_are_told_where_it_refuses(world: World) -> None:
    world.target = replace(world.target, volume=DatabricksVolume(Workspace(world.target.volume.workspace.url, "wrong")))
    with pytest.raises(DeploymentError, match=r"Databricks at http.* answers 40[13] to HEAD /Volumes/main"):
        world.deploy()
    assert world.stored_keys() == []


class NoVolumeYet(DatabricksVolume):
    """A workspace whose catalog nobody has made."""

    def put(self, path: str, content: bytes) -> None:
        raise VolumeMissingError(f"there is no place for {path}")


def test_what_makes_the_volume_is_deployed_before_it_and_the_wheel_follows(world: World) -> None:
    there = world.target.volume
    world.target = replace(world.target, volume=NoVolumeYet(there.workspace))
    assert any("pinpipe run provision --env local` makes the volume" in line for line in world.deploy())
    assert set(world.mwaa.dag_files()) == {"clean_batch.py", "provision.py", CONSTRAINTS}
    world.target = replace(world.target, volume=there)
    said = world.deploy()
    wheel = re.search(r"PINPIPE_SPARK_WHEEL=(\S+)", world.mwaa.in_use("StartupScript").decode())
    assert wheel
    assert f"stored {wheel[1]}" in said
    assert there.holds(wheel[1])
    assert len(world.mwaa.updates) == 1
