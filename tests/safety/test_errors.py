"""Errors: one tree, stable codes, no user text, whole after a trip to another process."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from cbtguard.safety import errors
from cbtguard.safety.errors import CbtguardError, Fault, StopFault

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, CbtguardError) and kind is not StopFault
]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_pickle_and_copy(kind: type[CbtguardError]) -> None:
    error = kind("data.malformed", "It is wrong.", hint="Mend it.")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
        assert type(twin) is kind
        assert twin.as_dict() == error.as_dict()
        assert str(twin) == str(error)


def test_text_holds_message_code_and_hint() -> None:
    error = errors.InputError("input.empty", "There is nothing.", hint="Send a word.")
    assert str(error) == "There is nothing. [input.empty] Send a word."
    assert error.as_dict() == {"code": "input.empty", "message": "There is nothing.", "hint": "Send a word."}
    assert error.args == ("There is nothing.",)


def test_every_error_is_one_of_the_tree() -> None:
    assert len(KINDS) >= 7
    for kind in (*KINDS, StopFault):
        assert issubclass(kind, CbtguardError)
        assert kind.__doc__


@pytest.mark.parametrize("fault", list(Fault))
def test_stop_fault_names_stop_fault_and_cause(fault: Fault) -> None:
    error = StopFault("screen", fault, "TimeoutError")
    assert error.code == f"stop.{fault.value}"
    assert "screen" in error.message
    assert "TimeoutError" in error.message
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (twin.stop, twin.fault, twin.cause, twin.code) == ("screen", fault, "TimeoutError", error.code)


def test_hint_is_required() -> None:
    with pytest.raises(TypeError):
        CbtguardError("input.empty", "There is nothing.")  # type: ignore[call-arg]
