"""What the pages show of datasets: lists, columns with small drawings, pairs that move together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import F, FilteredRelation, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import JSONObject

from evaluations.kind_names import AUDIT_DATASET
from evaluations.models import Column, Dataset, DatasetVersion, StoredFile, Upload
from projects.access import Actor
from projects.models import Engagement, Job, Workspace
from projects.prepared import Prepared
from projects.queries.jobs import jobs_about

TOLD = ("number", "file_name", "state", "rows", "column_count")
HEAVY = ("report", "profile", "findings", "options")
HARMS = ("critical", "high", "medium", "low")
HARM_OF_NOTE = {"error": "critical", "warning": "medium", "note": "low"}  # the reader's words for the same
SPARK_WIDTH, SPARK_HEIGHT = 120, 32
PAIRS_SHOWN = 8
WEAK = 0.3  # a correlation below is not worth a line
HEAT_AT_MOST = 40
SHOWN_AT_MOST = 50


def datasets_of(actor: Actor, *, text: str = "", engagement: str = "") -> QuerySet[Dataset]:
    """List the workspace's datasets; ``engagement`` is an id, or "none" for those without one.

    Each has ``latest``, what a list tells of its newest version, and ``changed_at``; None while there is none.
    """
    newest = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-number")
    rows = (
        Dataset.objects.visible_to(actor)
        .select_related("engagement")
        .annotate(
            latest=Subquery(newest.values(told=JSONObject(**{name: name for name in TOLD}))[:1]),
            changed_at=Subquery(newest.values("created_at")[:1]),
        )
    )
    if text:
        rows = rows.filter(name__icontains=text)
    if engagement:
        rows = rows.filter(engagement=None if engagement == "none" else UUID(engagement))
    return rows


def engagements_with_data(actor: Actor) -> QuerySet[Engagement]:
    """List the engagements that have datasets."""
    rows: QuerySet[Engagement] = Engagement.objects.visible_to(actor).filter(datasets__isnull=False).distinct()
    return rows.order_by("title")


def versions_of(dataset: Dataset) -> QuerySet[DatasetVersion]:
    """List a dataset's versions, the newest first, without what is heavy."""
    rows: QuerySet[DatasetVersion] = dataset.versions.defer(*HEAVY).select_related("original")
    return rows


@Prepared
def datasets_in(actor: Actor, engagement: UUID) -> QuerySet[Dataset]:
    """List an engagement's datasets by name, as many as its page shows."""
    return datasets_of(actor).filter(engagement=engagement).order_by("name")[:SHOWN_AT_MOST]


@Prepared
def wanting(actor: Actor, today: date) -> QuerySet[Dataset]:
    """List the datasets that should have been deleted by now, and those with a version that asks something.

    A version that asks is told of as ``version_id``, ``asked_at`` and ``asked``, its report; each has a row of its own.
    """
    asks = FilteredRelation("versions", condition=Q(versions__state=DatasetVersion.State.ASKS))
    rows = Dataset.objects.visible_to(actor).annotate(asks=asks)
    rows = rows.filter(Q(retention_on__lt=today) | Q(asks__isnull=False))
    found: QuerySet[Dataset] = rows.annotate(
        version_id=F("asks__pk"), asked_at=F("asks__created_at"), asked=F("asks__report")
    )
    return found[:SHOWN_AT_MOST]


def bytes_kept(workspace: Workspace) -> int:
    """Count the bytes of the workspace's files, and those that its uploads announced until they are stored as such."""
    stored, coming = StoredFile.objects.in_workspace(workspace), waiting_uploads(workspace)
    return sum(rows.aggregate(sum=Sum("size"))["sum"] or 0 for rows in (stored, coming))


def known_files(workspace_id: UUID) -> set[str]:
    """List the hashes of the files that a workspace's rows name."""
    return set(StoredFile.objects.filter(workspace=workspace_id).values_list("sha256", flat=True))


def waiting_uploads(workspace: Workspace) -> QuerySet[Upload]:
    """List the uploads whose pieces still lie in the storage: begun, or taken in and not read yet."""
    rows: QuerySet[Upload] = Upload.objects.in_workspace(workspace)
    return rows.filter(datasetversion__original=None, predictionfile__original=None).order_by()


def columns_of(version: DatasetVersion, *, text: str = "") -> QuerySet[Column]:
    """List a version's columns in the table's order."""
    rows: QuerySet[Column] = Column.objects.filter(version=version)
    return rows.filter(name__icontains=text) if text else rows


def column_names(version: DatasetVersion) -> list[str]:
    """Name a version's columns in the table's order."""
    return list(Column.objects.filter(version=version).order_by("position").values_list("name", flat=True))


def audit_job(actor: Actor, version: DatasetVersion) -> Job | None:
    """Return the newest audit of a version."""
    jobs = jobs_about(actor, label="evaluations.datasetversion", pk=version.pk).filter(kind=AUDIT_DATASET)
    found: Job | None = jobs.first()
    return found


# --- findings -----------------------------------------------------------------------------------
def findings_of(version: DatasetVersion) -> list[dict[str, Any]]:
    """Put what the reading and the audit found into one list, most harmful first.

    ``place`` is the finding's number in the reading's report, by which a choice of it is named.
    """
    read = [
        {**finding, "severity": HARM_OF_NOTE.get(finding["severity"], "low"), "place": place}
        for place, finding in enumerate(version.report.get("findings", []))
    ]
    found: list[dict[str, Any]] = [*read, *version.findings]
    return sorted(found, key=lambda finding: HARMS.index(finding["severity"]))


def merged(options: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Add an answer to the options given before; what is said by column is added column by column."""
    joined = dict(options) | dict(answer)
    for key in ("types", "extra_missing"):
        if key in options and key in answer:
            joined[key] = {**options[key], **answer[key]}
    return joined


# --- small drawings -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a small histogram, in the units of its drawing, with the words for it."""

    x: float
    y: float
    width: float
    height: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """One frequent value: how often, as a part of all rows, and as a part of the most frequent."""

    value: str
    n: int
    share: float
    width: float


@dataclass(frozen=True, slots=True)
class ColumnSketch:
    """A column with its figures made ready to be drawn."""

    column: Column
    missing_share: float
    bars: list[Bar] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    spark_text: str = ""
    quantiles: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def all_different(self) -> bool:
        """Whether no value comes twice."""
        return bool(self.facts.get("distinct", 0) > 1 and self.facts.get("distinct") == self.facts.get("n"))

    @property
    def facts(self) -> dict[str, Any]:
        """The column's figures."""
        found: dict[str, Any] = self.column.facts
        return found


def sketch(column: Column) -> ColumnSketch:
    """Make a column's figures ready to be drawn: a histogram for quantities, else the frequent values."""
    facts = column.facts
    rows = facts.get("n", 0) + facts.get("missing", 0)
    histogram = facts.get("histogram") or {}
    return ColumnSketch(
        column=column,
        missing_share=100 * facts.get("missing", 0) / rows if rows else 0.0,
        bars=bars_of(histogram),
        shares=shares_of(facts.get("top") or [], facts.get("n", 0)),
        spark_text=_spark_text(facts),
        quantiles=[(QUANTILE_NAMES.get(q, q), value) for q, value in (facts.get("quantiles") or {}).items()],
    )


QUANTILE_NAMES = {
    "0.01": "1 %",
    "0.05": "5 %",
    "0.25": "25 %",
    "0.5": "Median",
    "0.75": "75 %",
    "0.95": "95 %",
    "0.99": "99 %",
}


def bars_of(histogram: Mapping[str, Sequence[Any]]) -> list[Bar]:
    """Lay the bars of a histogram out in a small drawing; a bar that holds rows is never invisible."""
    counts = histogram.get("counts") or []
    edges = histogram.get("edges") or []
    most = max(counts, default=0)
    if not most:
        return []
    step = SPARK_WIDTH / len(counts)
    bars = []
    for at, count in enumerate(counts):
        height = max(SPARK_HEIGHT * count / most, 1.0) if count else 0.0
        label = f"{_short(edges[at])} to {_short(edges[at + 1])}: {count:,}" if len(edges) > at + 1 else f"{count:,}"
        gap = min(1.0, step / 5)
        bars.append(Bar(round(at * step, 2), round(SPARK_HEIGHT - height, 2), round(step - gap, 2), height, label))
    return bars


def shares_of(top: Sequence[Mapping[str, Any]], n: int) -> list[Share]:
    """Reckon the shares of the frequent values."""
    most = max((row["n"] for row in top), default=0)
    return [
        Share(_written(row["value"]), row["n"], 100 * row["n"] / n if n else 0.0, round(100 * row["n"] / most, 2))
        for row in top
        if most
    ]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _short(value) if isinstance(value, float) else str(value)


def _short(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _spark_text(facts: Mapping[str, Any]) -> str:
    if facts.get("histogram") and "min" in facts:
        middle = (facts.get("quantiles") or {}).get("0.5")
        words = f"Histogram from {_short(facts['min'])} to {_short(facts['max'])}"
        return f"{words}, median {_short(middle)}" if middle is not None else words
    return ""


# --- pairs ------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns that move together."""

    first: str
    second: str
    value: float
    n: int

    @property
    def width(self) -> float:
        """The length of its bar, in per cent."""
        return round(abs(self.value) * 100, 1)

    @property
    def written(self) -> str:
        """The correlation with its sign."""
        return f"{self.value:+.2f}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Heat:
    """One cell of the picture of all pairs."""

    x: int
    y: int
    strength: float
    tone: str


@dataclass(frozen=True, slots=True)
class Correlation:
    """How the numeric columns move together: the strongest pairs, and a picture of all."""

    names: list[str]
    pairs: list[Pair]
    cells: list[Heat]

    @property
    def size(self) -> int:
        """How many cells the picture has on a side."""
        return len(self.names)


def correlation_of(profile: Mapping[str, Any]) -> Correlation | None:
    """Read the correlations of a profile; None if there are no two numeric columns."""
    found = profile.get("correlation") or {}
    names, values, counts = found.get("columns") or [], found.get("values") or [], found.get("n") or []
    if len(names) < 2:  # noqa: PLR2004  a pair
        return None
    pairs = [
        Pair(names[i], names[j], values[i][j], counts[i][j])
        for i in range(len(names))
        for j in range(i)
        if values[i][j] is not None and abs(values[i][j]) >= WEAK
    ]
    pairs.sort(key=lambda pair: (-abs(pair.value), pair.first, pair.second))
    cells = [
        Heat(j, i, round(abs(value), 2), "plus" if value > 0 else "minus")
        for i, row in enumerate(values[:HEAT_AT_MOST])
        for j, value in enumerate(row[:HEAT_AT_MOST])
        if value is not None and i != j
    ]
    return Correlation(list(names[:HEAT_AT_MOST]), pairs[:PAIRS_SHOWN], cells)
