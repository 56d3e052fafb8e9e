"""Reads that join several tables of the third storey."""
