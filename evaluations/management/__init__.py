"""Commands of the third storey."""
