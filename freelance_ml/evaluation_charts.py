"""Which charts show an evaluation: from the plain data that the engine leaves, in the order of reading."""

from collections.abc import Callable, Mapping
from typing import Any

from freelance_ml.charts import Chart, curve, histogram, matrix


def evaluation_charts(curves: Mapping[str, Any]) -> list[Chart]:
    """Turn an evaluation's curves into charts; what the task has not is left out."""
    makers: dict[str, Callable[[Any], Chart]] = {
        "confusion": _confusion,
        "roc": _roc,
        "precision_recall": _precision_recall,
        "reliability": _reliability,
        "residuals": _residuals,
    }
    return [maker(curves[name]) for name, maker in makers.items() if curves.get(name)]


def _confusion(table: Mapping[str, Any]) -> Chart:
    classes, counts = table["classes"], table["counts"]
    rows = [
        {"actual": str(actual), "predicted": str(predicted), "count": count, "share": count / (sum(line) or 1)}
        for actual, line in zip(classes, counts, strict=True)
        for predicted, count in zip(classes, line, strict=True)
    ]
    right = sum(line[i] for i, line in enumerate(counts))
    whole = sum(sum(line) for line in counts)
    text = f"{right:,} of {whole:,} rows were given their own class."
    return matrix("Which class was taken for which", rows, text=text, note=text)


def _roc(points: list[Mapping[str, Any]]) -> Chart:
    return curve(
        "How many are found for how many false alarms",
        points,
        x="false_positive_rate",
        y="true_positive_rate",
        x_title="False alarms (share of the negatives)",
        y_title="Found (share of the positives)",
        diagonal=True,
        text="ROC curve: share of the positives found against share of false alarms; guessing lies on the diagonal.",
        note="Guessing lies on the dashed line.",
    )


def _precision_recall(points: list[Mapping[str, Any]]) -> Chart:
    return curve(
        "How right the alarms are as more are found",
        points,
        x="recall",
        y="precision",
        x_title="Recall (share of the positives found)",
        y_title="Precision (share of the alarms that are right)",
        text="Precision against recall, from the strictest cut-off to the mildest.",
    )


def _reliability(points: list[Mapping[str, Any]]) -> Chart:
    return curve(
        "Do stated probabilities come true?",
        points,
        x="predicted",
        y="observed",
        low="low",
        high="high",
        x_title="Stated probability",
        y_title="What happened",
        diagonal=True,
        points=True,
        text="Share that happened against the probability that was stated, with intervals; the diagonal is perfect.",
        note="On the dashed line they do. The band is the interval of each group.",
    )


def _residuals(parts: Mapping[str, Any]) -> Chart:
    edges, counts = parts["histogram"]["edges"], parts["histogram"]["counts"]
    rows = [{"start": edges[i], "end": edges[i + 1], "count": count} for i, count in enumerate(counts)]
    text = "How far predictions miss: rows by truth minus prediction."
    return histogram("How far predictions miss", rows, x_title="Truth minus prediction", text=text)
