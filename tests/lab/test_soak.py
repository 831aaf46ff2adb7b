"""The long run: minutes that are seconds here, on a real service."""

from __future__ import annotations

import re

import pytest

from cbtguard.lab.soak import Minute, soak


@pytest.mark.slow
def test_every_minute_is_told_and_memory_at_the_end() -> None:
    *minutes, last = soak(2, 3, seconds=3.0)
    assert [re.match(r"minute +(\d+) ", line)[1] for line in minutes] == ["1", "2"]  # type: ignore[index]
    for line in minutes:
        assert " errors    0 " in line
        assert float(re.findall(r"([\d.]+) turns/s", line)[0]) > 0
    assert re.match(r"memory grew by -?\d+ MiB", last)


def test_a_minute_in_one_line() -> None:
    minute = Minute(waits=[0.1] * 98 + [0.5, 2.0], errors=1, took=50.0)
    assert minute.line(3, 400.4) == (
        "minute    3        2.0 turns/s   p50     100 ms   p99    2000 ms   errors    1   memory     400 MiB"
    )
    assert "0.0 turns/s" in Minute(took=1.0).line(1, 1.0)
