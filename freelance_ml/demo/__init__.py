"""A believable sample workspace, filled step by step through the same services that the pages call.

A feature adds its own step: a module here with a function of an ``Actor``, named in ``STEPS``. A step
looks for what it made before and leaves it alone, so that the demo may be started any number of times.
"""

from freelance_ml.demo.filling import EMAIL, STEPS, fill_workspace

__all__ = ["EMAIL", "STEPS", "fill_workspace"]
