"""What reading stored traces again may cost: earned as time passes, paid as it is used."""

from __future__ import annotations

import random

import pytest

from sloengine.clock import FrozenClock
from sloengine.processor import RereadBudget

MS = 10**6
SECOND = 1000 * MS


class Machine(FrozenClock):
    """A machine on which work takes time of its own, and time passes beside it."""

    def __init__(self) -> None:
        super().__init__(SECOND)
        self._cpu_ns = 0

    def cpu_ns(self) -> int:
        return self._cpu_ns

    def work(self, ns: int) -> None:
        self._cpu_ns += ns
        self.advance(ns)


def test_a_tenth_of_a_core_is_fifty_milliseconds_at_a_look() -> None:
    budget = RereadBudget(Machine(), 0.1)
    assert budget.look_ns == budget.credit_ns == 50 * MS


def test_no_more_than_one_look_is_saved_up() -> None:
    machine = Machine()
    budget = RereadBudget(machine, 0.1)
    machine.advance(3600 * SECOND)
    assert budget.credit_ns == 50 * MS


def test_what_was_overdrawn_is_paid_off_first() -> None:
    machine = Machine()
    budget = RereadBudget(machine, 0.1)
    with budget.paying():
        machine.work(150 * MS)
    assert budget.credit_ns == -85 * MS
    assert not budget.look()()
    machine.advance(850 * MS)
    assert not budget.look()()
    machine.advance(10 * MS)
    assert budget.look()()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 1.0])
def test_the_share_holds_whatever_single_traces_cost(share: float) -> None:
    dice, machine = random.Random(7), Machine()
    budget = RereadBudget(machine, share)
    begun_ns, dearest = machine.now_ns(), 0
    for _ in range(200):
        may_go_on = budget.look()
        while may_go_on():
            cost = dice.choice([MS // 10, MS, 3 * MS, 300 * MS])
            dearest = max(dearest, cost)
            with budget.paying():
                machine.work(cost)
        machine.advance(SECOND // 2)
    passed = machine.now_ns() - begun_ns
    assert machine.cpu_ns() <= share * passed + budget.look_ns + dearest
    # And it can be used: a dear trace costs looks after it, nothing else.
    assert machine.cpu_ns() >= 0.8 * share * (passed - machine.cpu_ns())


def test_a_look_ends_in_time_where_the_disk_is_slow() -> None:
    """Waiting costs no processor, but whoever wants the lock waits as well."""
    machine = Machine()
    budget = RereadBudget(machine, 0.1)
    may_go_on = budget.look()
    reads = 0
    while may_go_on():
        with budget.paying():
            machine.advance(20 * MS)
        reads += 1
    assert reads == 3
    assert budget.credit_ns == 50 * MS


def test_what_is_paid_inside_another_is_paid_once() -> None:
    machine = Machine()
    budget = RereadBudget(machine, 1.0)
    with budget.paying():
        machine.work(10 * MS)
        for _ in range(2):
            with budget.paying():
                machine.work(100 * MS)
        machine.work(10 * MS)
    machine.set(SECOND)
    assert budget.credit_ns == (500 - 220) * MS


def test_work_that_fails_is_paid_for_too() -> None:
    machine = Machine()
    budget = RereadBudget(machine, 0.1)

    def fail() -> None:
        with budget.paying():
            machine.work(30 * MS)
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk is gone"):
        fail()
    machine.set(SECOND)
    assert budget.credit_ns == 20 * MS


def test_a_clock_that_is_set_back_earns_nothing_and_takes_nothing() -> None:
    """As a scenario's clock may be, which is wall and monotonic time at once."""
    machine = Machine()
    budget = RereadBudget(machine, 0.1)
    with budget.paying():
        machine.work(40 * MS)
    machine.set(0)
    assert budget.credit_ns == 10 * MS
    machine.advance(100 * MS)
    assert budget.credit_ns == 20 * MS
