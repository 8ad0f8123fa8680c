"""The archive of Spark's classes, from which JVMs take what they would else read from jars, verify and link anew.

Each run of a job starts a JVM of its own, and most of a small job is loading classes. The JVM's own class data sharing
(JEP 350) keeps those of one run for all later ones, which also share their memory. An archive that does not fit, since
jars or Java have changed, is left alone by the JVM, which then takes longer.
"""

from __future__ import annotations

from pathlib import Path


def class_archive(jars: Path) -> Path:
    """Return where the archive is, or would be, for Spark with these jars.

    :param jars: folder with Delta's and S3A's jars.
    """
    return jars.with_name(f"{jars.name}-classes.jsa")
