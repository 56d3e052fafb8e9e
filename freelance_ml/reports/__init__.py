"""Reports: each asks the apps' queries for their parts and puts the parts side by side; no rule lives here."""
