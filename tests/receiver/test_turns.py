"""Who waits for the intake gets it before who has just had it."""

from __future__ import annotations

import threading

from sloengine.receiver.turns import Turns


def test_one_that_lets_go_and_asks_again_comes_after_one_that_waits() -> None:
    turns = Turns()
    order: list[str] = []

    def wait() -> None:
        with turns:
            order.append("waited")

    for _ in range(100):
        order.clear()
        with turns:
            waiting = threading.Thread(target=wait)
            waiting.start()
            while not turns._next.locked():
                pass
        with turns:
            order.append("again")
        waiting.join()
        assert order == ["waited", "again"]


def test_one_at_a_time_holds_it() -> None:
    turns = Turns()
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(300):
            with turns:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)
