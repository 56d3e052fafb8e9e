"""One byte that a worker's processes share: whether the worker was asked to stop."""

import mmap

_asked = mmap.mmap(-1, 1)  # anonymous and shared: what the main process writes, its forks see


def ask_to_stop() -> None:
    """Let every process of this worker hand back its job; safe to call in a signal handler."""
    _asked[0] = 1


def stop_is_asked() -> bool:
    """Tell whether the worker is about to stop."""
    return _asked[0] == 1
