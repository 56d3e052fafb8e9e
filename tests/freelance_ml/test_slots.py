"""The slots of a worker: nothing that a task does ends their threads, and a free slot is noticed at once."""

import socket
import threading
import time

from kombu.asynchronous import Hub

from freelance_ml.slots import Slots
from projects import stopping


def fail():
    raise ValueError


def leave():
    raise SystemExit


def run(pool, *tasks):
    """Let the pool do some tasks and return the threads that did them."""
    threads = []

    def noting(task):
        threads.append(threading.current_thread())
        task()

    begun = [pool.apply_async(noting, (task,), callback=lambda _: None) for task in tasks]
    for each in begun:
        each.wait(10)
    return threads


def test_no_task_ends_the_thread_that_children_hang_on():
    pool = Slots(limit=2)
    pool.start()
    threads = run(pool, *[fail, leave, time.monotonic] * 5)
    assert len(threads) == 15
    assert len(set(threads)) <= 2
    assert all(thread.is_alive() for thread in threads)
    pool.stop()
    assert not any(thread.is_alive() for thread in threads)


def test_the_loop_hears_at_once_of_a_free_slot():
    hub, pool = Hub(), Slots(limit=1)
    broker, redis = socket.socketpair()
    hub.add_reader(broker, lambda: None)
    pool.register_with_event_loop(hub)
    loop = hub.create_loop()
    hub.call_later(8, lambda: None)  # until then it would sleep, two seconds at a time
    next(loop)
    pool.apply_async(time.sleep, (0.2,), callback=lambda _: None)
    asked = time.monotonic()
    next(loop)
    assert 0.1 < time.monotonic() - asked < 1.5
    pool.stop()
    hub.close()
    broker.close()
    redis.close()


def test_a_hasty_stop_is_heard_by_every_slot(monkeypatch):
    monkeypatch.setattr(stopping, "_asked", [False])
    Slots(limit=2).terminate_job(0)
    assert stopping.stop_is_asked()
