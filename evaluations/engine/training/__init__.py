"""Training: from typed columns to fitted pipelines that are compared on the same folds."""
