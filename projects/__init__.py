"""The ground: who, for whom, what, by when; and what all storeys stand on (access, jobs, audit)."""
