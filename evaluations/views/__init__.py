"""Pages of the third storey."""
