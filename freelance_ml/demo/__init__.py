"""A believable sample workspace, filled step by step through the same services that the pages call.

A feature adds its own step: a module here with a function of an ``Actor`` and a ``Say``, named in one line of
``STEPS`` in ``filling``. A step looks for what it made before and leaves it alone, so that the demo may be
started any number of times, and broken off at any moment.
"""

from freelance_ml.demo.filling import EMAIL, STEPS, fill_workspace
from freelance_ml.demo.links import client_link

__all__ = ["EMAIL", "STEPS", "client_link", "fill_workspace"]
