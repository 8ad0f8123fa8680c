"""The configuration that makes a plain ``SparkSession.builder.getOrCreate()`` a local Delta session on S3."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

# Most of a small job is loading and compiling classes. One garbage collector thread, no second compiler tier and no
# performance file leave the cores to that work: creating the tables took 18-32 s so, and 50 s without (2 busy cores).
_JVM_OPTIONS = (
    "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Duser.timezone=UTC"
    # The code that Spark generates for the rules is one long method, which the JVM would leave to its interpreter.
    " -XX:-DontCompileHugeMethods"
    # The first compiler alone would get 48 MB of code cache, which a job of ten questions fills.
    " -XX:ReservedCodeCacheSize=256m"
)

_JAVA_OPTIONS = "spark.driver.extraJavaOptions"

_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.metrics.name = org.apache.hadoop.metrics2
logger.metrics.level = error
logger.plan.name = org.apache.spark.sql.catalyst.util.SparkStringUtils
logger.plan.level = error
"""


def class_archive(jars: Path) -> Path:
    """Return where the archive of classes is, or would be, for Spark with these jars, see :mod:`local.class_archive`.

    :param jars: the folder with Delta's and S3A's jars.
    """
    return jars.with_name(f"{jars.name}-classes.jsa")


def write(
    folder: Path, jars: Path, environment: Mapping[str, str], *, make_archive: Path | None = None
) -> dict[str, str]:
    """Write ``spark-defaults.conf`` and ``log4j2.properties``; return the variables that lead a process to them.

    Spark would find both by ``SPARK_CONF_DIR`` alone, but that folder is part of the JVM's class path. With a folder
    that holds anything, or another one than when they were archived, a JVM takes no archived classes
    (:mod:`local.class_archive`): so it is led to one that is not there.

    :param folder: where to write.
    :param jars: the folder with Delta's and S3A's jars.
    :param environment: ``AWS_ENDPOINT_URL`` and ``AWS_DEFAULT_REGION`` of it say where S3 is.
    :param make_archive: where the JVM writes the classes that it has loaded, when it ends; it takes no archived ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    defaults, log4j = folder / "spark-defaults.conf", folder / "log4j2.properties"
    archive = (
        f"-XX:ArchiveClassesAtExit={make_archive}" if make_archive else f"-XX:SharedArchiveFile={class_archive(jars)}"
    )
    chosen = settings(jars, environment)
    chosen[_JAVA_OPTIONS] += f' "{archive}" "-Dlog4j2.configurationFile={log4j.resolve().as_uri()}"'
    defaults.write_text("".join(f"{name} {value}\n" for name, value in chosen.items()), encoding="utf-8")
    log4j.write_text(_LOG4J, encoding="utf-8")
    return {
        "SPARK_CONF_DIR": str(jars.with_name("no-configuration")),
        "PYSPARK_SUBMIT_ARGS": f"--properties-file {shlex.quote(str(defaults))} pyspark-shell",
    }


def settings(jars: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return Spark's settings by name; parameters as for :func:`write`."""
    file_systems = {f"spark.hadoop.fs.{scheme}.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem" for scheme in _SCHEMES}
    log_stores = {
        f"spark.delta.logStore.{scheme}.impl": "io.delta.storage.S3SingleDriverLogStore" for scheme in _SCHEMES
    }
    chosen = {
        "spark.master": "local[2]",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": f"{jars}/*",  # read in place; spark.jars would copy them for every run
        _JAVA_OPTIONS: _JVM_OPTIONS,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.default.parallelism": "2",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # A day's cleaning generates more classes than the hundred that are kept by default, so none was used again.
        "spark.sql.codegen.cache.maxEntries": "1000",
        # A Parquet writer holds a row group in memory, which Spark does not count. Two of 128 MB, the default, have
        # broken this heap when a day of five million pins was written.
        "spark.hadoop.parquet.block.size": str(32 * 2**20),
        "spark.databricks.delta.snapshotPartitions": "1",
        # A table's log is listed from its last checkpoint on, not from its first commit.
        "spark.hadoop.delta.enableFastS3AListFrom": "true",
        **file_systems,
        # Hadoop knows this class for s3a only; without it every table logs a warning.
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        **log_stores,
        # The credentials stay in the environment: no file holds them.
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
        ),
        "spark.hadoop.fs.s3a.path.style.access": "true",
    }
    if endpoint := environment.get("AWS_ENDPOINT_URL"):
        chosen["spark.hadoop.fs.s3a.endpoint"] = endpoint
        chosen["spark.hadoop.fs.s3a.connection.ssl.enabled"] = str(endpoint.startswith("https:")).lower()
    if region := environment.get("AWS_DEFAULT_REGION"):
        chosen["spark.hadoop.fs.s3a.endpoint.region"] = region
    return chosen


_SCHEMES = ("s3", "s3a")
