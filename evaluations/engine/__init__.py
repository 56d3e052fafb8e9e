"""The sealed room of pure mathematics: no Django, no disk, no clock, no global seed."""
