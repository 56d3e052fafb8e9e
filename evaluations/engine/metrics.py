"""The registry of metrics: adding one is a function and a row.

Every row says in plain words what the figure means, what its n counts, and why it can be undefined. It names its
function and loads it when it is first measured: pages, forms and workers speak of metrics and never compute one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from evaluations.engine.limits import CORRELATION, POSITIVE, SHARE_EXPLAINED, UNIT
from evaluations.engine.ways import Way
from projects.errors import DomainError

if TYPE_CHECKING:
    from evaluations.engine.methods import Method

Needs = Literal["labels", "probabilities", "values"]
Direction = Literal["higher", "lower"]


class UnknownMetricError(DomainError):
    """Raised when a name is not in the registry."""

    code = "metric-unknown"
    template = "There is no metric “{name}” for a {task} task. Choose one of: {known}."


@dataclass(frozen=True)
class Metric:
    """One row of the registry.

    Attributes
    ----------
    name, label, meaning : str
        Key, words for headings, and one plain sentence.
    tasks : frozenset of str
        Task kinds it judges.
    better : str
        "higher" or "lower".
    needs : str
        "labels", "probabilities" or "values".
    way : Way
        Names the method.
    limits : tuple of float
        The smallest and largest possible value, as the method says too.
    counted : str
        What its n counts, in the plural.
    undefined_when : str
        Why the figure may not exist.
    formula, interval, source : str
        For the documentation.
    """

    name: str
    label: str
    meaning: str
    tasks: frozenset[str]
    better: Direction
    needs: Needs
    way: Way
    counted: str
    undefined_when: str
    formula: str
    interval: str
    source: str
    limits: tuple[float, float] = UNIT

    @cached_property
    def method(self) -> "Method":
        """Measures the figure and its interval; loaded when it is first asked for."""
        return self.way.method()


# The rows ------------------------------------------------------------------------------------

BINARY, MULTI, REGRESSION = frozenset({"binary"}), frozenset({"multiclass"}), frozenset({"regression"})
CLASSES = BINARY | MULTI
_TABLE = "Multinomial bootstrap of the confusion table (2,000 draws, BCa); Dirichlet draws under 10 errors"
_SHARE = "Wilson; at a gate Clopper-Pearson where hits or misses are under 10"
_MEAN = "Student's t corrected for skewness (Hall 1992)"


_ROWS = [
    Metric(
        name="accuracy",
        label="Accuracy",
        meaning="Share of all rows that were predicted right.",
        tasks=CLASSES,
        better="higher",
        needs="labels",
        way=Way("tabled:Proportion", "figures:accuracy"),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="right / n",
        interval=_SHARE,
        source="Brown, Cai and DasGupta 2001",
    ),
    Metric(
        name="balanced_accuracy",
        label="Balanced accuracy",
        meaning="Share predicted right, averaged so that each class counts the same.",
        tasks=CLASSES,
        better="higher",
        needs="labels",
        way=Way("tabled:AverageOfProportions"),
        counted="rows",
        undefined_when="fewer than two classes occur in the truth",
        formula="mean over classes of right_k / n_k",
        interval="MOVER over the classes' Wilson limits; at a gate over their gate limits",
        source="Zou and Donner 2008",
    ),
    Metric(
        name="precision",
        label="Precision",
        meaning="Of the rows predicted positive, the share that truly are.",
        tasks=BINARY,
        better="higher",
        needs="labels",
        way=Way("tabled:Proportion", "figures:precision"),
        counted="rows predicted positive",
        undefined_when="no row was predicted positive",
        formula="TP / (TP + FP)",
        interval=_SHARE,
        source="Brown, Cai and DasGupta 2001",
    ),
    Metric(
        name="recall",
        label="Recall",
        meaning="Of the truly positive rows, the share that was found.",
        tasks=BINARY,
        better="higher",
        needs="labels",
        way=Way("tabled:Proportion", "figures:recall"),
        counted="positive rows",
        undefined_when="no row is positive",
        formula="TP / (TP + FN)",
        interval=_SHARE,
        source="Brown, Cai and DasGupta 2001",
    ),
    Metric(
        name="specificity",
        label="Specificity",
        meaning="Of the truly negative rows, the share left alone.",
        tasks=BINARY,
        better="higher",
        needs="labels",
        way=Way("tabled:Proportion", "figures:specificity"),
        counted="negative rows",
        undefined_when="no row is negative",
        formula="TN / (TN + FP)",
        interval=_SHARE,
        source="Brown, Cai and DasGupta 2001",
    ),
    Metric(
        name="f1",
        label="F1",
        meaning="Balance of precision and recall: low when either is low.",
        tasks=BINARY,
        better="higher",
        needs="labels",
        way=Way("tabled:Proportion", "figures:overlap", "figures:f1_of_overlap"),
        counted="rows positive in truth or prediction",
        undefined_when="no row is positive in truth or prediction",
        formula="2 TP / (2 TP + FP + FN)",
        interval=(
            "Exact for the share J = TP / (TP + FP + FN), of which F1 = 2J / (1 + J) rises: "
            "Wilson, at a gate Clopper-Pearson where sparse"
        ),
        source="binomial given TP + FP + FN",
    ),
    Metric(
        name="mcc",
        label="Matthews correlation",
        meaning="Agreement of prediction and truth beyond chance: 1 is perfect, 0 is guessing.",
        tasks=CLASSES,
        better="higher",
        needs="labels",
        way=Way("tabled:TableFigure", "figures:correlation", limits=CORRELATION),
        limits=CORRELATION,
        counted="rows",
        undefined_when="only one class occurs in the truth or in the predictions",
        formula="(TP·TN - FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)), Gorodkin's form for more classes",
        interval=_TABLE,
        source="Matthews 1975; Gorodkin 2004; Efron 1987",
    ),
    Metric(
        name="roc_auc",
        label="ROC AUC",
        meaning="Chance that a positive row gets a higher score than a negative one.",
        tasks=BINARY,
        better="higher",
        needs="probabilities",
        way=Way("scored:RocArea"),
        counted="rows of the rarer class",
        undefined_when="only one class occurs in the truth",
        formula="P(score⁺ > score⁻) + ½ P(score⁺ = score⁻)",
        interval="DeLong on the logit scale, Student's t by the rarer class; a perfect order by Clopper-Pearson on it",
        source="DeLong et al. 1988; Sun and Xu 2014",
    ),
    Metric(
        name="average_precision",
        label="Average precision",
        meaning="Precision averaged over all positive rows, from the highest score down.",
        tasks=BINARY,
        better="higher",
        needs="probabilities",
        way=Way("scored:AveragePrecision"),
        counted="positive rows",
        undefined_when="no row is positive",
        formula="Σ (R_k - R_{k-1}) P_k",
        interval="Variance of the influence function or of a share of the positives, the larger; logit scale",
        source="Boyd, Eng and Page 2013",
    ),
    Metric(
        name="log_loss",
        label="Log loss",
        meaning=("How surprised the probabilities were by the truth: 0 is perfect, sure errors cost much."),
        tasks=CLASSES,
        better="lower",
        needs="probabilities",
        way=Way("averaged:MeanOfRows", "figures:log_loss"),
        limits=POSITIVE,
        counted="rows",
        undefined_when="there is no row to judge",
        formula="mean of -ln p(truth)",
        interval=_MEAN,
        source="Hall 1992",
    ),
    Metric(
        name="brier",
        label="Brier score",
        meaning="Mean squared distance of the probabilities from the truth: 0 is perfect.",
        tasks=BINARY,
        better="lower",
        needs="probabilities",
        way=Way("averaged:MeanOfRows", "figures:brier", limits=UNIT),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="mean of (p - y)²",
        interval=_MEAN,
        source="Brier 1950; Hall 1992",
    ),
    Metric(
        name="ece",
        label="Calibration error (ECE)",
        meaning="How far the stated probabilities are from what happened, on average.",
        tasks=BINARY,
        better="lower",
        needs="probabilities",
        way=Way("scored:CalibrationError"),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="Σ n_b / n · |mean y - mean p| over 15 bins of equal mass",
        interval="Triangle inequality over the noise of the bins",
        source="Bröcker 2012; Kumar et al. 2019 on its upward bias",
    ),
    Metric(
        name="macro_precision",
        label="Precision, macro",
        meaning="Precision of each class, averaged so that each class counts the same.",
        tasks=MULTI,
        better="higher",
        needs="labels",
        way=Way("figures:macro", kind="precision"),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="mean over classes of TP_k / (TP_k + FP_k); 0 for a class never predicted",
        interval=_TABLE,
        source="Efron 1987",
    ),
    Metric(
        name="macro_recall",
        label="Recall, macro",
        meaning="Recall of each class, averaged so that each class counts the same.",
        tasks=MULTI,
        better="higher",
        needs="labels",
        way=Way("figures:macro", kind="recall"),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="mean over classes of TP_k / n_k",
        interval=_TABLE,
        source="Efron 1987",
    ),
    Metric(
        name="macro_f1",
        label="F1, macro",
        meaning="F1 of each class, averaged so that each class counts the same.",
        tasks=MULTI,
        better="higher",
        needs="labels",
        way=Way("figures:macro", kind="f1"),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="mean over classes of F1_k",
        interval=_TABLE,
        source="Efron 1987",
    ),
    Metric(
        name="weighted_precision",
        label="Precision, weighted",
        meaning="Precision of each class, averaged by how many rows it has.",
        tasks=MULTI,
        better="higher",
        needs="labels",
        way=Way("figures:weighted", kind="precision"),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="Σ n_k / n · P_k",
        interval=_TABLE,
        source="Efron 1987",
    ),
    Metric(
        name="weighted_recall",
        label="Recall, weighted",
        meaning="Recall of each class, averaged by how many rows it has; equals accuracy.",
        tasks=MULTI,
        better="higher",
        needs="labels",
        way=Way("tabled:Proportion", "figures:accuracy"),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="Σ n_k / n · R_k",
        interval=_SHARE,
        source="Brown, Cai and DasGupta 2001",
    ),
    Metric(
        name="weighted_f1",
        label="F1, weighted",
        meaning="F1 of each class, averaged by how many rows it has.",
        tasks=MULTI,
        better="higher",
        needs="labels",
        way=Way("figures:weighted", kind="f1"),
        counted="rows",
        undefined_when="there is no row to judge",
        formula="Σ n_k / n · F1_k",
        interval=_TABLE,
        source="Efron 1987",
    ),
    Metric(
        name="macro_roc_auc",
        label="ROC AUC, macro",
        meaning=("Chance that a row of a class gets a higher score for it than another row, averaged over classes."),
        tasks=MULTI,
        better="higher",
        needs="probabilities",
        way=Way("scored:MacroRocArea"),
        counted="rows of the rarest class",
        undefined_when="a class of the protocol does not occur in the truth",
        formula="mean over classes of AUC against the rest",
        interval="DeLong's components averaged over classes, logit scale",
        source="DeLong et al. 1988; Hand and Till 2001",
    ),
    Metric(
        name="mae",
        label="Mean absolute error",
        meaning="Average distance of the prediction from the truth, in the target's unit.",
        tasks=REGRESSION,
        better="lower",
        needs="values",
        way=Way("averaged:MeanOfRows", "figures:absolute"),
        limits=POSITIVE,
        counted="rows",
        undefined_when="there is no row to judge",
        formula="mean of |y - ŷ|",
        interval=_MEAN,
        source="Hall 1992",
    ),
    Metric(
        name="rmse",
        label="Root mean squared error",
        meaning="Typical distance from the truth, where large misses count more.",
        tasks=REGRESSION,
        better="lower",
        needs="values",
        way=Way("averaged:MeanOfRows", "figures:squared", root=True),
        limits=POSITIVE,
        counted="rows",
        undefined_when="there is no row to judge",
        formula="√ mean of (y - ŷ)²",
        interval=_MEAN + ", root of both ends",
        source="Hall 1992",
    ),
    Metric(
        name="r2",
        label="R²",
        meaning=("Share of the target's variation that is explained: 1 is perfect, 0 is predicting the mean."),
        tasks=REGRESSION,
        better="higher",
        needs="values",
        way=Way("averaged:FigureOfSums", "figures:squares", "figures:explained", limits=SHARE_EXPLAINED),
        limits=SHARE_EXPLAINED,
        counted="rows",
        undefined_when="the target has the same value in every row",
        formula="1 - Σ(y - ŷ)² / Σ(y - ȳ)²",
        interval=("Bootstrap of rows (BCa) up to 5,000 rows, influence function on the scale log(1 - R²) above"),
        source="Efron 1987",
    ),
    Metric(
        name="mape",
        label="Mean absolute percentage error",
        meaning="Average distance from the truth as a share of the truth.",
        tasks=REGRESSION,
        better="lower",
        needs="values",
        way=Way("averaged:MeanOfRows", "figures:relative"),
        limits=POSITIVE,
        counted="rows",
        undefined_when="the target is zero in some rows, so no share of it exists",
        formula="mean of |y - ŷ| / |y|",
        interval=_MEAN,
        source="Hall 1992",
    ),
    Metric(
        name="pinball",
        label="Pinball loss",
        meaning="Cost of missing the chosen quantile, above and below weighed differently.",
        tasks=REGRESSION,
        better="lower",
        needs="values",
        way=Way("averaged:MeanOfRows", "figures:pinball"),
        limits=POSITIVE,
        counted="rows",
        undefined_when="there is no row to judge",
        formula="mean of max(q(y - ŷ), (q - 1)(y - ŷ))",
        interval=_MEAN,
        source="Koenker and Bassett 1978; Hall 1992",
    ),
]


REGISTRY: dict[str, Metric] = {row.name: row for row in _ROWS}


def metrics_for(task: str) -> list[Metric]:
    """List the metrics that judge a task, in the order of the registry."""
    return [row for row in REGISTRY.values() if task in row.tasks]


def metric(name: str, task: str) -> Metric:
    """Look up a metric for a task, or say which ones there are."""
    found = REGISTRY.get(name)
    if found is None or task not in found.tasks:
        known = ", ".join(row.name for row in metrics_for(task))
        raise UnknownMetricError(name=name, task=task, known=known)
    return found
