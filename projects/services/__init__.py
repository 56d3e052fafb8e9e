"""Changes: keyword arguments, atomic as a whole, return the changed row, know no request."""
