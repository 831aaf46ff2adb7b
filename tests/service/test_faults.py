"""The service while something fails: a real process, a real writer's server, real callers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.lab import faults
from cbtguard.lab.faults import Faults, Outcome
from cbtguard.lab.served import Reply
from cbtguard.lab.stub_writer import DRAFT, Mood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set as on Linux"),
]
CLIENTS = 4


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    running = Faults(tmp_path_factory.mktemp("faults"), CLIENTS)
    yield running
    running.close()


@pytest.mark.parametrize(
    "fault",
    [
        faults.none,
        *(faults.writer_that_is(mood) for mood in Mood if mood is not Mood.WELL),
        faults.writer_dead,
        faults.clients_gone,
        faults.flood,
        faults.disk_full,
        faults.worker_killed,
    ],
    ids=lambda fault: fault.__name__,
)
def test_nothing_leaks_and_nobody_hangs(service: Faults, fault: Callable[[Faults], Outcome]) -> None:
    outcome = fault(service)
    assert outcome.violations == [], outcome.line()
    assert len(outcome.replies) >= CLIENTS


def test_a_database_that_is_restarted(tmp_path: Any, postgres: str, postgres_server: Any) -> None:
    running = Faults(tmp_path, CLIENTS, {"record": postgres, "threads": postgres})
    try:
        outcome = faults.none(running)
        assert outcome.violations == [], outcome.line()
        outcome = faults.database_restarted(
            running, lambda: postgres_server.stop("fast"), postgres_server.start
        )
        assert outcome.violations == [], outcome.line()
        # The talks that were begun before go on; a connection that was lost may cost one referral before.
        assert any(faults.none(running).violations == [] for _ in range(10))
    finally:
        running.close()


def test_what_must_not_be_is_seen(service: Faults) -> None:
    good = next(reply for reply in service.load() if reply.route == "answered")
    wrong = [
        Reply(
            status=200, seconds=1, route="answered", text=DRAFT, reply=good.reply, record_id=good.record_id
        ),
        Reply(status=200, seconds=99, route="answered", reply=good.reply, record_id=good.record_id),
        Reply(status=200, seconds=1, route="answered", reply="想开点", record_id=good.record_id),
        Reply(status=200, seconds=1, route="referred", reply=good.reply, record_id=good.record_id),
        Reply(status=200, seconds=1, route="answered", reply=good.reply, record_id=None),
        Reply(status=200, seconds=1, route="referred", reply=" ", record_id=None),
        Reply(status=500, seconds=1),
        Reply(status=0, seconds=1),
    ]
    for reply in wrong:
        outcome = Outcome(fault="made up", replies=[reply])
        service.judge(outcome)
        assert outcome.violations, reply
        assert "VIOLATED" in outcome.line()
