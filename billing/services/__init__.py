"""What changes the rows of the second storey, one file a noun."""
