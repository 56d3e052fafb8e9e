"""Rows for tests: one function a model, all with sensible defaults."""
