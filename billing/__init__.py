"""The second storey: what it costs and what is billed."""
