"""Whose ports are whose."""

from __future__ import annotations

from pinpipe_airflow.preflight.result import Outcome

from pinpipe_cli.doctor.listening import Listener, PortFacts, PortsFacts, ports

HOME = "/c/.pinpipe"


def judged(
    listener: Listener | None, *, supervised: bool = True, offset: int | None = 2000
) -> tuple[Outcome, str, str]:
    facts = PortsFacts([PortFacts("airflow", 8080, listener)], HOME, supervised, offset)
    (found,) = list(ports(facts))
    return found.outcome, f"{found.subject}: {found.found}", found.way_out


def test_a_free_port_and_the_worlds_own_are_ok() -> None:
    assert judged(None) == (Outcome.OK, "ports: 8080 (airflow): free", "")
    assert judged(Listener(7, "airflow", HOME))[:2] == (Outcome.OK, "ports: 8080 (airflow): this world's own")


def test_a_stranger_is_wrong_with_its_process_and_a_way_round() -> None:
    outcome, found, way_out = judged(Listener(7, "nginx -g daemon", ""))
    assert (outcome, found) == (Outcome.WRONG, "port 8080: taken by pid 7: nginx -g daemon")
    assert way_out == "stop it, or `export PINPIPE_PORT_OFFSET=2000`"
    assert judged(Listener(7, "nginx", ""), offset=None)[2] == "stop it"


def test_another_world_is_wrong_with_how_to_stop_it() -> None:
    outcome, found, way_out = judged(Listener(7, "airflow", "/other"))
    assert (outcome, found) == (Outcome.WRONG, "port 8080: taken by the world in /other (pid 7)")
    assert "PINPIPE_HOME=/other pinpipe down" in way_out


def test_a_process_that_is_hidden_is_named_by_the_command_that_shows_it() -> None:
    outcome, found, way_out = judged(Listener(None, "", ""))
    assert (outcome, found) == (Outcome.WRONG, "port 8080: taken by a process that is hidden from this user")
    assert "ss -ltnp sport = :8080" in way_out


def test_processes_of_this_world_without_its_supervisor_are_left_over() -> None:
    outcome, found, way_out = judged(Listener(7, "airflow", HOME), supervised=False)
    assert (outcome, "no supervisor holds them" in found) == (Outcome.WARNING, True)
    assert "pinpipe down" in way_out


def test_a_long_command_is_cut() -> None:
    assert judged(Listener(7, "x" * 500, ""))[1].endswith("x…")
