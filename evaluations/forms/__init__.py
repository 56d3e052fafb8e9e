"""What is typed on the pages of the third storey."""
