"""The circuit breaker, on a clock that the tests turn."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.nodes.writers.breaker import Breaker, Circuit
from cbtguard.safety.errors import SettingsError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def call(breaker: Breaker, well: bool | None) -> bool:
    """One call that ends at once; whether it went through."""
    permit = breaker.admit()
    if permit is not None:
        breaker.settle(permit, well)
    return permit is not None


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=3, pause_s=10, clock=clock)
    for _ in range(3):
        assert call(breaker, False)
    return breaker


def test_only_failures_in_a_row_open_it(clock):
    breaker = Breaker(failures=3, pause_s=10, clock=clock)
    for well in (False, False, True, False, None, False):
        assert call(breaker, well)
    assert breaker.circuit is Circuit.CLOSED
    assert call(breaker, False)
    assert breaker.circuit is Circuit.OPEN
    assert not call(breaker, True)


def test_after_the_pause_one_call_tries_and_closes_it(clock):
    breaker = opened(clock)
    clock.now += 9.999
    assert breaker.admit() is None
    clock.now += 0.001
    probe = breaker.admit()
    assert probe is not None
    assert breaker.circuit is Circuit.HALF_OPEN
    assert breaker.admit() is None
    breaker.settle(probe, True)
    assert breaker.circuit is Circuit.CLOSED
    assert call(breaker, False)
    assert breaker.circuit is Circuit.CLOSED


def test_a_try_that_fails_starts_another_pause(clock):
    breaker = opened(clock)
    clock.now += 10
    assert call(breaker, False)
    assert breaker.circuit is Circuit.OPEN
    clock.now += 9.999
    assert not call(breaker, True)
    clock.now += 0.001
    assert call(breaker, True)
    assert breaker.circuit is Circuit.CLOSED


def test_a_try_that_was_given_up_leaves_the_next_one_free(clock):
    breaker = opened(clock)
    clock.now += 10
    assert call(breaker, None)
    assert breaker.circuit is Circuit.OPEN
    assert call(breaker, True)
    assert breaker.circuit is Circuit.CLOSED


@pytest.mark.parametrize("late", [True, False, None])
def test_what_comes_too_late_is_not_heard(clock, late):
    breaker = Breaker(failures=1, pause_s=10, clock=clock)
    slow = breaker.admit()
    assert slow is not None
    assert call(breaker, False)
    breaker.settle(slow, late)
    assert breaker.circuit is Circuit.OPEN
    clock.now += 10
    probe = breaker.admit()
    assert probe is not None
    breaker.settle(slow, late)
    assert breaker.circuit is Circuit.HALF_OPEN
    breaker.settle(probe, True)
    breaker.settle(slow, late)
    assert breaker.circuit is Circuit.CLOSED


def test_many_threads_send_one_probe(clock):
    breaker = opened(clock)
    clock.now += 10
    gate, permits = threading.Barrier(8), []

    def work() -> None:
        gate.wait()
        permits.append(breaker.admit())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([permit for permit in permits if permit is not None]) == 1


STEPS = st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0, 30)), max_size=60)


@given(STEPS, st.integers(1, 5))
def test_it_always_lets_a_call_through_after_the_pause(steps, most):
    clock = Clock()
    breaker = Breaker(failures=most, pause_s=10, clock=clock)
    for well, wait in steps:
        call(breaker, well)
        clock.now += wait
    clock.now += 10
    assert call(breaker, True)
    assert breaker.circuit is Circuit.CLOSED


@pytest.mark.parametrize("bad", [{"failures": 0}, {"pause_s": 0}, {"pause_s": -1}, {"pause_s": float("nan")}])
def test_bounds_without_sense_are_refused(bad):
    with pytest.raises(SettingsError) as caught:
        Breaker(**bad)
    assert caught.value.code == "settings.invalid"
