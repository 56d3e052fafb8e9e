"""What pages, reports and the API ask of the second storey."""
