"""How Kafka's classes are run: the java program, the class path, the logging configuration."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from local.home import tools

BROKER_HEAP = "-Xms256m -Xmx512m"
FORMAT_HEAP = "-Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_LOGGING = Path(__file__).with_name("log4j2.xml")


def java_command(main_class: str, heap: str) -> list[str]:
    """Return the command that runs ``main_class`` of Kafka's class path; its arguments are to be appended.

    :param main_class: full name, e.g. ``kafka.Kafka``.
    :param heap: JVM options of memory and compilation, blank-separated.
    :raises FileNotFoundError: when the jars or java are missing.
    """
    jars = tools() / "jars" / "kafka"
    if not any(jars.glob("kafka_2.13-*.jar")):
        raise FileNotFoundError(
            f"no Kafka in {jars}: run 'make install', or "
            f"'mvn -f local/jars/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory={jars}'"
        )
    return [
        java(),
        *heap.split(),
        "-server",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={_LOGGING}",
        "-cp",
        f"{jars}/*",
        main_class,
    ]


def java() -> str:
    """Return the path of the java program: ``JAVA_HOME``'s, else the one on ``PATH``.

    :raises FileNotFoundError: when there is none.
    """
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").is_file():
        return str(Path(home) / "bin" / "java")
    found = shutil.which("java")
    if found is None:
        raise FileNotFoundError("no java on PATH and no JAVA_HOME: Kafka needs Java 17 or newer")
    return found
