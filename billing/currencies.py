"""The currencies of ISO 4217; the table itself lies on the ground, where engagements need it too."""

from projects.currencies import EXPONENTS

__all__ = ["EXPONENTS"]
