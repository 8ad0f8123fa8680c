import re
import shlex
from pathlib import Path
from urllib.parse import quote

from local.databricks import spark_settings


def test_s3_is_where_the_environment_says():
    settings = spark_settings.settings(
        Path("/jars"), {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "eu-west-1"}
    )
    assert settings["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:9"
    assert settings["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert settings["spark.hadoop.fs.s3a.endpoint.region"] == "eu-west-1"
    assert settings["spark.driver.extraClassPath"] == "/jars/*"


def test_no_credential_is_written_to_the_file(tmp_path):
    environment = {"AWS_ACCESS_KEY_ID": "the-key", "AWS_SECRET_ACCESS_KEY": "the-secret"}
    spark_settings.write(tmp_path, Path("/jars"), environment)
    text = "".join(file.read_text() for file in tmp_path.iterdir())
    assert "the-key" not in text
    assert "the-secret" not in text
    assert "EnvironmentVariableCredentialsProvider" in text


def test_the_class_path_is_the_same_for_all_or_java_takes_no_archived_class(tmp_path):
    told, of_another = (spark_settings.write(tmp_path / name, tmp_path / "jars", {}) for name in ("a", "b"))
    assert told["SPARK_CONF_DIR"] == of_another["SPARK_CONF_DIR"]
    assert not Path(told["SPARK_CONF_DIR"]).exists()


def test_spark_is_led_to_its_settings_whatever_the_folder_is_called(tmp_path):
    folder = tmp_path / "a folder"
    told = spark_settings.write(folder, Path("/jars"), {})
    option, file, _ = shlex.split(told["PYSPARK_SUBMIT_ARGS"])
    assert (option, file) == ("--properties-file", str(folder / "spark-defaults.conf"))
    [java] = re.findall("^spark.driver.extraJavaOptions (.*)$", Path(file).read_text(), re.MULTILINE)
    assert shlex.split(java)[-2:] == [
        "-XX:SharedArchiveFile=/jars-classes.jsa",
        f"-Dlog4j2.configurationFile=file://{quote(str(folder))}/log4j2.properties",
    ]


def test_what_is_written_at_once_fits_beside_what_spark_keeps_in_memory():
    settings = spark_settings.settings(Path("/jars"), {})
    heap_mib = 1024 * int(settings["spark.driver.memory"].removesuffix("g"))
    writers = int(settings["spark.master"].removeprefix("local[").removesuffix("]"))
    row_group_mib = int(settings["spark.hadoop.parquet.block.size"]) / 2**20
    left_by_spark_mib = 0.4 * (heap_mib - 300)  # spark.memory.fraction is 0.6 of all but 300 MiB
    assert 2 * writers * row_group_mib <= left_by_spark_mib  # a writer also compresses what it holds
