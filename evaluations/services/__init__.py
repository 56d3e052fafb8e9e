"""Changes to data, protocols, models and evaluations."""
