"""Page parts as template tags."""
