from __future__ import annotations

import pytest

from include.environment import SettingsError
from local import ports


def test_the_offset_moves_every_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PINPIPE_PORT_OFFSET", raising=False)
    base = {name: ports.port(name) for name in ports.services()}
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "1000")
    assert {name: ports.port(name) - 1000 for name in ports.services()} == base
    assert ports.url("airflow") == "http://127.0.0.1:9080"


def test_two_worlds_a_thousand_apart_share_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()
    for offset in ("0", "1000", "2000"):
        monkeypatch.setenv("PINPIPE_PORT_OFFSET", offset)
        mine = {ports.port(name) for name in ports.services()}
        assert len(mine) == len(ports.services())
        assert not used & mine
        used |= mine


@pytest.mark.parametrize("offset", ["x", "", "60000", "-8000"])
def test_an_offset_that_leads_nowhere_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, offset: str) -> None:
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", offset)
    with pytest.raises(SettingsError, match="PINPIPE_PORT_OFFSET"):
        ports.port("airflow")


def test_the_offsets_that_may_be_chosen_are_told_and_lead_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "99999")
    with pytest.raises(SettingsError, match=r"choose an offset from (-\d+) to (\d+)") as refused:
        ports.port("airflow")
    for bound, beyond in zip(str(refused.value).split("from ")[1].split(" to "), (-1, 1), strict=True):
        monkeypatch.setenv("PINPIPE_PORT_OFFSET", bound)
        assert all(1024 <= ports.port(name) <= 65535 for name in ports.services())
        monkeypatch.setenv("PINPIPE_PORT_OFFSET", str(int(bound) + beyond))
        with pytest.raises(SettingsError):
            [ports.port(name) for name in ports.services()]
