"""Whether this worker was asked to stop: one flag that all its threads see."""

_asked = [False]  # no Event: its lock could be held by the very code that a signal interrupts


def ask_to_stop() -> None:
    """Let every slot of this worker hand back its job; safe to call in a signal handler."""
    _asked[0] = True


def stop_is_asked() -> bool:
    """Tell whether the worker is about to stop."""
    return _asked[0]
