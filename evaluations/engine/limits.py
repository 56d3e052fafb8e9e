"""Between which values figures lie."""

import math

UNIT = (0.0, 1.0)
CORRELATION = (-1.0, 1.0)
POSITIVE = (0.0, math.inf)
SHARE_EXPLAINED = (-math.inf, 1.0)
