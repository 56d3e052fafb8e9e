"""How amounts of bills are written."""
