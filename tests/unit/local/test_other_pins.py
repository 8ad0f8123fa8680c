"""What a lock pins and a constraint file leaves open."""

from __future__ import annotations

from local.other_pins import other_pins, pins


def test_names_are_compared_as_package_indexes_do() -> None:
    lock = ["flask-sqlalchemy==3.1.1 \\", "ruff==0.17.5 \\", "    --hash=sha256:1", "    # via flask==1"]
    assert list(other_pins(["# a comment", "Flask_SQLAlchemy==3.0.0"], lock)) == ["ruff==0.17.5"]


def test_a_pin_ends_before_what_restricts_it() -> None:
    assert pins(["uvloop==0.22.1 ; sys_platform != 'win32'", "numpy>=2"]) == {"uvloop": "0.22.1"}
