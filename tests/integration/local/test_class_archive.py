"""The archive of Spark's classes that installation has made."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from local.databricks import spark_settings
from local.home import ROOT, tools

pytestmark = pytest.mark.integration

SESSION = "from pyspark.sql import SparkSession; SparkSession.builder.getOrCreate().range(3).count()"


def test_a_session_takes_its_classes_from_the_archive(tmp_path):
    python = str(ROOT / ".venv-spark" / "bin" / "python")
    settings = spark_settings.write(tmp_path / "a folder", tools() / "jars" / "spark", {})
    log = tmp_path / "classes.log"
    environment = {**os.environ, **settings, "PYSPARK_PYTHON": python, "SPARK_LOCAL_IP": "127.0.0.1"}
    environment["SPARK_SUBMIT_OPTS"] = f"-Xlog:class+load:file={log}"
    ran = subprocess.run(
        [python, "-c", SESSION], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    loaded = re.findall(r"\] (org\.apache\.spark\.\S+) source: (.*)", log.read_text())
    named = [(name, source) for name, source in loaded if "$$Lambda" not in name and "GeneratedClass" not in name]
    archived = [name for name, source in named if source == "shared objects file (top)"]
    assert "org.apache.spark.sql.classic.SparkSession" in archived
    assert len(archived) > 0.8 * len(named)
