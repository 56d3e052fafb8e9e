"""Running the whole installation on one machine: one supervisor and its parts. Knows no Django, to stay small."""
