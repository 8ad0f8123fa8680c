from __future__ import annotations

import os

import pytest

from bench.demo import reset, timed


def test_each_step_of_a_demo_is_timed(tmp_path):
    script = "echo installing; sleep 0.2; echo '== the local world'; sleep 0.4; echo done; echo '== done in 1 s'"
    took, steps = timed(["sh", "-c", script], tmp_path, os.environ)
    assert list(steps) == ["install", "the local world"]
    assert 0.2 <= steps["install"] < steps["the local world"] + 0.2
    assert took >= 0.6


def test_a_demo_that_fails_says_its_last_words(tmp_path):
    with pytest.raises(RuntimeError, match=r"ended with 3: .*no Java"):
        timed(["sh", "-c", "echo 'no Java'; exit 3"], tmp_path, os.environ)


def test_a_reset_that_fails_is_told_with_the_way_out(tmp_path):
    (tmp_path / "Makefile").write_text("reset:\n\t@echo 'port taken'; exit 1\n")
    with pytest.raises(
        RuntimeError, match=r"services of /w may still run \(`\.venv/bin/python -m bench --clean`(?s:.*)port taken"
    ):
        reset(tmp_path, {**os.environ, "PINPIPE_HOME": "/w"})
