"""One scheduler at a time: who holds the lease, who may take it, and when."""

import datetime as dt
import threading

import pytest
from sqlalchemy import Engine

from jobs.lease import SCHEDULER, LeaseLost, acquire, fence, new_holder, release, renew, standing
from models.database import engine_for, writing

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


def after(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def test_a_free_lease_goes_to_whoever_asks_first(engine: Engine) -> None:
    assert standing(engine, SCHEDULER) is None
    assert acquire(engine, SCHEDULER, "first", NOON)
    assert not acquire(engine, SCHEDULER, "second", after(1))
    held = standing(engine, SCHEDULER)
    assert held is not None
    assert (held.holder, held.expires_at) == ("first", after(30))


def test_the_holder_may_ask_again_and_renew(engine: Engine) -> None:
    acquire(engine, SCHEDULER, "first", NOON)
    assert acquire(engine, SCHEDULER, "first", after(5))
    assert renew(engine, SCHEDULER, "first", after(20))
    assert not acquire(engine, SCHEDULER, "second", after(49))


def test_an_expired_lease_is_taken_over_and_not_renewed(engine: Engine) -> None:
    acquire(engine, SCHEDULER, "first", NOON)
    assert not renew(engine, SCHEDULER, "first", after(30)), "expired: it must be acquired again"
    assert acquire(engine, SCHEDULER, "second", after(30))
    assert not renew(engine, SCHEDULER, "first", after(31))
    assert not acquire(engine, SCHEDULER, "first", after(31))


def test_a_released_lease_is_free_at_once(engine: Engine) -> None:
    acquire(engine, SCHEDULER, "first", NOON)
    assert not release(engine, SCHEDULER, "second", after(1)), "nobody releases what another holds"
    assert release(engine, SCHEDULER, "first", after(1))
    assert acquire(engine, SCHEDULER, "second", after(1))


def test_a_fence_stops_whoever_lost_the_lease(engine: Engine) -> None:
    acquire(engine, SCHEDULER, "first", NOON)
    with writing(engine) as session:
        fence(session, SCHEDULER, "first", after(29))
    with pytest.raises(LeaseLost), writing(engine) as session:
        fence(session, SCHEDULER, "first", after(31))
    acquire(engine, SCHEDULER, "second", after(31))
    with pytest.raises(LeaseLost), writing(engine) as session:
        fence(session, SCHEDULER, "first", after(32))


def test_of_eight_that_ask_at_the_same_time_one_gets_it(database_url: str) -> None:
    start, won = threading.Barrier(8), []

    def ask(holder: str) -> None:
        own = engine_for(database_url)
        start.wait()
        if acquire(own, SCHEDULER, holder, NOON):
            won.append(holder)
        own.dispose()

    threads = [threading.Thread(target=ask, args=(f"holder-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_two_holders_of_one_process_have_different_names() -> None:
    assert new_holder() != new_holder()
