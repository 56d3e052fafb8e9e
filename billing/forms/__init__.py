"""What is typed on the pages of the second storey, one file a noun."""
