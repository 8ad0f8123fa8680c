"""``python -m tests.unit.faults.ways_to_wait``: waits by all ways at once, and prints how long each took.

Each is one of the C library's that wait until a moment; one that does not come back is not printed.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from ctypes import CDLL, Structure, byref, c_long, c_uint, create_string_buffer

WAIT_S = 0.3
_HANGS_AFTER_S = 15
_C = CDLL(None, use_errno=True)  # as the program itself sees it: what is preloaded comes first
_REALTIME, _MONOTONIC = time.CLOCK_REALTIME, time.CLOCK_MONOTONIC
_ABSOLUTE = 1
_FUTEX = {"x86_64": 202, "aarch64": 98}
_WAIT_BITSET_PRIVATE_REALTIME = 9 | 128 | 256


class _Moment(Structure):
    _fields_ = (("seconds", c_long), ("nanoseconds", c_long))


class _Timer(Structure):
    _fields_ = (("every", _Moment), ("first", _Moment))


def _soon(clock: int = _REALTIME) -> _Moment:
    return _Moment(*divmod(time.clock_gettime_ns(clock) + int(WAIT_S * 1e9), 1_000_000_000))


def _unlocked() -> object:
    """Return the memory of a mutex, condition variable, lock or attribute, as its static initialiser leaves it."""
    return create_string_buffer(128)


def _locked() -> object:
    mutex = _unlocked()
    _C.pthread_mutex_lock(mutex)
    return mutex


def _condition(clock: int) -> object:
    condition, attributes = _unlocked(), _unlocked()
    _C.pthread_condattr_init(attributes)
    _C.pthread_condattr_setclock(attributes, clock)
    _C.pthread_cond_init(condition, attributes)
    return condition


def _c11_mutex() -> object:
    mutex = _unlocked()
    _C.mtx_init(mutex, 2)  # mtx_timed
    _C.mtx_lock(mutex)
    return mutex


def _semaphore() -> object:
    semaphore = _unlocked()
    _C.sem_init(semaphore, 0, 0)
    return semaphore


def _read() -> object:
    lock = _unlocked()
    _C.pthread_rwlock_rdlock(lock)
    return lock


def _futex() -> None:
    wanted, any_bit = byref(c_uint(0)), c_uint(0xFFFFFFFF)
    number = c_long(_FUTEX[platform.machine()])
    _C.syscall(number, wanted, _WAIT_BITSET_PRIVATE_REALTIME, 0, byref(_soon()), None, any_bit)


def _timer() -> None:
    timer = _C.timerfd_create(_REALTIME, 0)
    _C.timerfd_settime(timer, _ABSOLUTE, byref(_Timer(_Moment(0, 0), _soon())), None)
    os.read(timer, 8)


WAYS: dict[str, Callable[[], object]] = {
    "cnd_timedwait": lambda: _C.cnd_timedwait(_unlocked(), _c11_mutex(), byref(_soon())),
    "mtx_timedlock": lambda: _C.mtx_timedlock(_c11_mutex(), byref(_soon())),
    "pthread_cond_timedwait": lambda: _C.pthread_cond_timedwait(_condition(_REALTIME), _locked(), byref(_soon())),
    "pthread_cond_timedwait, monotonic": lambda: _C.pthread_cond_timedwait(
        _condition(_MONOTONIC), _locked(), byref(_soon(_MONOTONIC))
    ),
    "pthread_cond_clockwait": lambda: _C.pthread_cond_clockwait(_unlocked(), _locked(), _REALTIME, byref(_soon())),
    "pthread_cond_clockwait, monotonic": lambda: _C.pthread_cond_clockwait(
        _unlocked(), _locked(), _MONOTONIC, byref(_soon(_MONOTONIC))
    ),
    "pthread_mutex_timedlock": lambda: _C.pthread_mutex_timedlock(_locked(), byref(_soon())),
    "pthread_mutex_clocklock": lambda: _C.pthread_mutex_clocklock(_locked(), _REALTIME, byref(_soon())),
    "pthread_rwlock_timedwrlock": lambda: _C.pthread_rwlock_timedwrlock(_read(), byref(_soon())),
    "pthread_rwlock_clockwrlock": lambda: _C.pthread_rwlock_clockwrlock(_read(), _REALTIME, byref(_soon())),
    "sem_timedwait": lambda: _C.sem_timedwait(_semaphore(), byref(_soon())),
    "sem_clockwait": lambda: _C.sem_clockwait(_semaphore(), _REALTIME, byref(_soon())),
    "clock_nanosleep": lambda: _C.clock_nanosleep(_REALTIME, _ABSOLUTE, byref(_soon()), None),
    "futex": _futex,
    "timerfd_settime": _timer,
    "Python's Event": lambda: threading.Event().wait(WAIT_S),
}


def main() -> None:
    took: dict[str, float] = {}

    def wait(way: str) -> None:
        start = time.monotonic()
        WAYS[way]()
        took[way] = time.monotonic() - start

    threads = [threading.Thread(target=wait, args=(way,), daemon=True) for way in WAYS]
    for thread in threads:
        thread.start()
    end = time.monotonic() + _HANGS_AFTER_S
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    print(json.dumps(took), flush=True)
    os._exit(0)  # a thread that hangs in the C library would be waited for


if __name__ == "__main__":
    main()
