"""The command ``pinpipe doctor``."""

from __future__ import annotations

import typer

from local.progress import waits_for
from pinpipe_cli.json_output import AsJson, print_json
from pinpipe_cli.plugins_path import add_plugins
from pinpipe_cli.progress import progress


def doctor(as_json: AsJson = False) -> None:
    """Find what is wrong with this machine, the installation, the state folder and the world, and say the way out.

    It changes nothing, and works whatever is missing. Exits with 1 if anything is wrong; a warning is no reason.
    """
    add_plugins()
    from pinpipe_airflow.preflight.report import is_wrong

    from pinpipe_cli.doctor.checkup import checks, run_checks
    from pinpipe_cli.findings_output import print_findings

    with progress(as_json=as_json) as say:
        found = run_checks(checks(), lambda subject: waits_for(say, [subject]))
    wrong = is_wrong(found)
    if as_json:
        print_json({"well": not wrong, "findings": [finding.as_dict() for finding in found]})
    else:
        print_findings(found)
    if wrong:
        raise typer.Exit(1)
