"""One local Spark session with Delta on the file system; its time zone is not UTC, so that nothing may depend on it."""

import os
import sys

import pytest

from local.home import tools

SESSION_TIME_ZONE = "Asia/Tokyo"


def pytest_addoption(parser, pluginmanager):
    """Know the project's ``timeout`` setting where its plugin is not installed: the Spark environment holds no more
    than Spark needs, and an unknown setting is an error."""
    if not pluginmanager.hasplugin("timeout"):
        parser.addini("timeout", "of pytest-timeout; without effect here")


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    jars = tools() / "jars" / "spark"
    assert list(jars.glob("delta-spark_*.jar")), f"no Delta in {jars}: copy the jars of local/jars/spark/pom.xml there"
    # What the surrounding shell says about Spark is not what these tests are about.
    for variable in ("SPARK_CONF_DIR", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS"):
        os.environ.pop(variable, None)
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    settings = {
        "spark.driver.extraClassPath": f"{jars}/*",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.shuffle.partitions": "1",
        # Rows are few: what costs is planning and compiling.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.session.timeZone": SESSION_TIME_ZONE,
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("unit tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def deletion_vectors(spark):
    """Give every new table deletion vectors, as a workspace of Databricks may."""
    setting = "spark.databricks.delta.properties.defaults.enableDeletionVectors"
    spark.conf.set(setting, "true")
    yield
    spark.conf.unset(setting)
