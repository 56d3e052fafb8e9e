"""The third storey: is it good, and does it stay good."""
