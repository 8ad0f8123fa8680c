"""The startup script of an MWAA environment, which tells every process of Airflow what environment it is in.

What a deployment knows comes first, then ``include/mwaa/startup.sh``, which adds what the environment's own options say
and refuses a deployment that is meant for another.
https://docs.aws.amazon.com/mwaa/latest/userguide/using-startup-script.html
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote

SCRIPT = Path("include", "mwaa", "startup.sh")


def startup_script(checkout: Path, env: str, spark_wheel: str) -> str:
    """Return the script.

    :param checkout: its root.
    :param env: name of the environment.
    :param spark_wheel: path of the wheel of this deployment in a Databricks volume.
    """
    return "\n".join(
        [
            "#!/usr/bin/env bash",
            "# Written by `pinpipe deploy`, which overwrites it.",
            f"export PINPIPE_ENV={quote(env)}",
            f"export PINPIPE_SPARK_WHEEL={quote(spark_wheel)}",
            (checkout / SCRIPT).read_text().removeprefix("#!/usr/bin/env bash\n"),
        ]
    )
