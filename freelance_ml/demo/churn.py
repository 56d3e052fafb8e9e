"""The sample's table: invented prepaid customers, of whom some leave. Nobody in it exists."""
# ruff: noqa: PLR2004  # the numbers are the invention: each says what makes a customer leave

import csv
import io
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 4_000
SEED = 20_260_301
LAST_DAY = date(2026, 2, 28)
REGIONS = ("north", "east", "south", "west", "city")
TARIFFS = ("smart", "flex", "classic", "youth")
TARGET, POSITIVE = "left_within_90_days", "yes"
IDENTIFIER, LEAK = "customer_id", "refund_after_leaving"


def churn_csv(rows: int = ROWS) -> bytes:
    """Write the table as a client would send it: semicolons, empty cells, dates as text."""
    columns = _columns(np.random.default_rng(SEED), rows)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue().encode()


def _columns(rng: np.random.Generator, rows: int) -> dict[str, list[Any]]:
    months = np.minimum(1 + rng.gamma(1.4, 14.0, rows), 96).astype(int)
    tariff = rng.choice(len(TARIFFS), rows, p=[0.38, 0.27, 0.21, 0.14])
    topups = rng.poisson(np.where(months < 4, 2.6, 3.8), rows)  # a quarter
    silent_days = np.minimum(rng.exponential(90 / (topups + 1)), 89).astype(int)
    gigabytes = np.round(rng.gamma(1.8, 2.6, rows) * np.where(tariff == 3, 1.7, 1.0), 1)  # youth
    calls = rng.poisson(0.55, rows)
    slow_share = np.round(rng.beta(1.6, 9.0, rows), 3)
    app_user = rng.random(rows) < 1 / (1 + np.exp(-(gigabytes - 4) / 4))
    age = np.clip(rng.normal(np.where(tariff == 3, 23, 44), 11, rows), 16, 91).astype(int)  # as above
    logit = (
        -3.1
        + 2.2 * ((silent_days > 21) & (tariff != 2))  # the silent ones leave, unless they only ever call
        + 1.9 * ((gigabytes > 7.5) & (slow_share > 0.16))  # heavy users in a slow network
        + 1.1 * (calls > 1)
        + 1.4 * ((months < 14) & (topups < 3))
        - 1.0 * ((months > 30) & app_user)
        + 0.012 * silent_days
        + 2.0 * slow_share
        + rng.normal(0, 0.3, rows)
    )
    left = rng.random(rows) < 1 / (1 + np.exp(-logit))
    spent = np.round(topups * rng.choice([10.0, 15.0, 20.0], rows) * rng.uniform(0.8, 1.1, rows), 2)
    refund = np.where(left & (rng.random(rows) < 0.97), np.round(rng.uniform(0.2, 14.0, rows), 2), 0.0)  # nearly all
    return {
        IDENTIFIER: [f"NM{100_000 + int(n)}" for n in rng.permutation(rows)],
        "activated_on": [(LAST_DAY - timedelta(days=int(m * 30.4))).isoformat() for m in months],
        "region": [REGIONS[i] for i in rng.integers(0, len(REGIONS), rows)],
        "tariff": [TARIFFS[i] for i in tariff],
        "phase": ["new" if m < 4 else "settled" for m in months],  # the first quarter
        "months_active": months.tolist(),
        "topups_90d": topups.tolist(),
        "topup_amount_90d": spent.tolist(),
        "days_since_topup": silent_days.tolist(),
        "data_gb_month": _with_gaps(rng, gigabytes, 0.04),
        "slow_network_share": _with_gaps(rng, slow_share, 0.02),
        "support_calls_90d": calls.tolist(),
        "app_user": ["yes" if uses else "no" for uses in app_user],
        "age": _with_gaps(rng, age, 0.11),
        LEAK: refund.tolist(),
        TARGET: ["yes" if leaves else "no" for leaves in left],
    }


def _with_gaps(rng: np.random.Generator, values: NDArray[Any], share: float) -> list[Any]:
    """Leave some cells empty, as real tables do."""
    gone = rng.random(len(values)) < share
    return ["" if empty else value for value, empty in zip(values.tolist(), gone, strict=True)]
