"""Pages of the second storey, one file a noun."""
