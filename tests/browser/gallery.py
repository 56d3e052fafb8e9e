"""The site with one page more, which shows every part of docs/design.md at once."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from freelance_ml.charts import bars, intervals
from freelance_ml.urls import urlpatterns as site
from projects.web import member

SLICES = [
    {"name": "Contract: month to month", "estimate": 0.79, "low": 0.75, "high": 0.83},
    {"name": "Contract: one year", "estimate": 0.86, "low": 0.80, "high": 0.91},
    {"name": "New customers", "estimate": 0.71, "low": 0.62, "high": 0.79},
]
SPEND = [
    {"month": month, "service": service, "amount": amount}
    for month, parts in (("Sep", (120, 40)), ("Oct", (180, 60)), ("Nov", (90, 75)))
    for service, amount in zip(("GPU", "Storage"), parts, strict=True)
]
CURVES = {
    "confusion": {"classes": ["stays", "leaves"], "counts": [[900, 134], [70, 305]]},
    "roc": [
        {"false_positive_rate": x, "true_positive_rate": y}
        for x, y in ((0, 0), (0.05, 0.42), (0.13, 0.7), (0.3, 0.88), (0.6, 0.97), (1, 1))
    ],
    "reliability": [
        {"predicted": p, "observed": p * 0.9 + 0.02, "low": p * 0.85, "high": min(p * 0.98 + 0.06, 1)}
        for p in (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
    ],
}
GATES = [
    {
        "name": "Recall of leavers",
        "threshold": 0.8,
        "estimate": 0.842,
        "low": 0.815,
        "high": 0.867,
        "n": 1409,
        "verdict": "pass",
    },
    {
        "name": "Precision",
        "note": "of the list that is called",
        "threshold": 0.7,
        "estimate": 0.61,
        "low": 0.57,
        "high": 0.65,
        "n": 439,
        "verdict": "fail",
        "sentence": "The whole interval lies below 0.70: more rows would not change that.",
    },
    {
        "name": "Recall of new customers",
        "threshold": 0.8,
        "estimate": 0.77,
        "low": 0.71,
        "high": 0.83,
        "n": 212,
        "verdict": "inconclusive",
        "sentence": "Recall is between 0.71 and 0.83, the promise is 0.80. About 400 more would decide it.",
    },
    {
        "name": "Mean absolute error",
        "direction": "at_most",
        "axis_high": None,
        "threshold": 60,
        "estimate": 48.1,
        "low": 46.3,
        "high": 50.2,
        "n": 3476,
        "digits": 1,
        "verdict": "pass",
    },
    {"name": "Calibration error", "direction": "at_most", "threshold": 0.05, "verdict": "none"},
]
LEDGER = {
    "original": 1390000,
    "changes": 120000,
    "revised": 1510000,
    "accepted": 500000,
    "invoiced": 500000,
    "paid": 180000,
    "balance": 1330000,
    "pending": 90000,
}


@member
def gallery(request: HttpRequest) -> HttpResponse:
    """Show every part."""
    context = {
        "gates": GATES,
        "ledger": LEDGER,
        "charts": [
            intervals(
                "Recall drops for new customers", SLICES, text="Recall by slice.", threshold=0.8, x_title="Recall"
            ),
            bars(
                "Machine time is most of the spend",
                SPEND,
                x="month",
                y="amount",
                series="service",
                text="Spend.",
                ordered=True,
            ),
        ],
        "curves": CURVES,
    }
    return render(request, "gallery.html", context)


urlpatterns = [path("gallery/", gallery), *site]
