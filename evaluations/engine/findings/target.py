"""Checks around the target: imbalance, missing labels, and features that know it too well."""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from evaluations.engine.findings.columns import identifiers, is_free_text
from evaluations.engine.findings.table import AuditTable
from evaluations.engine.findings.values import Finding, make_finding

RARE_CLASS, FEW_OF_CLASS = 0.10, 30
FOLDS = 4
CELLS = 32
PERFECT = 0.96  # strength (2 AUC - 1, or R²) from which one feature nearly is the target
STRONG, DROP = 0.55, 0.10  # one feature this strong, without which the full model falls by this much
MODEL_ROWS, MODEL_COLUMNS = 12_000, 200
IDENTITY_ROWS, IDENTITY_COLUMNS, IDENTITY_SHARE = 2_000, 60, 0.995
LEAST_ROWS = 50


def find_missing_target(table: AuditTable) -> list[Finding]:
    """Say how many rows have no target."""
    part = table.columns.get(table.target or "")
    if not part or not part["missing"]:
        return []
    return [
        make_finding(
            "missing_target",
            "high",
            f"{part['missing']:,} of {table.rows:,} rows have no “{table.target}”.",
            "Leave these rows out or have them labelled; they can be neither learnt from nor judged.",
            columns=[str(table.target)],
            n=part["missing"],
        )
    ]


def find_imbalance(table: AuditTable) -> list[Finding]:
    """Say when a class is rare."""
    if table.problem not in {"binary", "multiclass"}:
        return []
    names, codes = table.classes()
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    if len(names) < 2:
        return [
            make_finding(
                "one_class",
                "critical",
                f"The target “{table.target}” has one class only; there is nothing to tell apart.",
                "Choose another target, or get rows of another class.",
                columns=[str(table.target)],
                n=len(names),
            )
        ]
    rarest = int(counts.argmin())
    scale = table.columns[str(table.target)]["n"] / max(counts.sum(), 1)
    n, share = round(counts[rarest] * scale), counts[rarest] / counts.sum()
    if share >= RARE_CLASS and n >= FEW_OF_CLASS:
        return []
    return [
        make_finding(
            "imbalance",
            "high" if n < FEW_OF_CLASS else "low",
            f"Class “{str(names[rarest])[:40]}” of “{table.target}” holds {n:,} rows ({100 * share:.2f} %).",
            "Judge by average precision or recall rather than accuracy, and split stratified.",
            columns=[str(table.target)],
            n=n,
        )
    ]


def _targets(table: AuditTable) -> tuple[Any, Any]:
    """Give the rows with a target and an array (n, k): one column per class, or the number itself."""
    if table.problem == "regression":
        y = table.numbers(str(table.target))
        there = np.isfinite(y)
        return there, y[there][:, None]
    names, codes = table.classes()
    there = codes >= 0
    codes = codes[there]
    if len(names) == 2:
        return there, (codes == 1).astype(float)[:, None]
    common = np.argsort(-np.bincount(codes, minlength=len(names)))[:10]
    return there, (codes[:, None] == common[None, :]).astype(float)


def bin_values(values: Any, *, ordered: bool) -> Any:
    """Put a column's cells into at most 32 cells of a table; the last is for missing values."""
    there = np.isfinite(values)
    codes = np.full(len(values), CELLS)
    if not there.any():
        return codes
    if ordered:
        edges = np.unique(np.quantile(values[there], np.linspace(0, 1, CELLS + 1)[1:-1], method="lower"))
        codes[there] = np.searchsorted(edges, values[there], "left")
    else:
        words, counts = np.unique(values[there], return_counts=True)
        place = np.empty(len(words), int)
        place[np.argsort(-counts, kind="stable")] = np.minimum(np.arange(len(words)), CELLS - 1)
        codes[there] = place[np.searchsorted(words, values[there])]
    return codes


def strength_of(codes: Any, y: Any, folds: Any, *, regression: bool) -> float:
    """Measure what one feature alone knows of the target, out of fold.

    Parameters
    ----------
    codes : ndarray of int
        The feature's cells.
    y : ndarray of shape (n, k)
        The number, or one 0/1 column per class.
    folds : ndarray of int
        The fold of each row.

    Returns
    -------
    float
        R² for a number; 2 AUC - 1 for classes, the best class counting. 1 is perfect, 0 is chance.
    """
    best = 0.0
    for at in range(y.shape[1]):
        scores = _out_of_fold_means(codes, y[:, at], folds)
        if regression:
            spread = float(((y[:, at] - y[:, at].mean()) ** 2).sum())
            value = 1 - float(((y[:, at] - scores) ** 2).sum()) / spread if spread else 0.0
        else:
            value = 2 * auc(y[:, at], scores) - 1
        best = max(best, value)
    return best


def _out_of_fold_means(codes: Any, y: Any, folds: Any) -> Any:
    size = CELLS + 1
    joint = codes * FOLDS + folds
    sums = np.bincount(joint, weights=y, minlength=size * FOLDS).reshape(size, FOLDS)
    counts = np.bincount(joint, minlength=size * FOLDS).reshape(size, FOLDS)
    other_sums = sums.sum(1, keepdims=True) - sums
    other_counts = counts.sum(1, keepdims=True) - counts
    means = (other_sums + 2 * y.mean()) / (other_counts + 2)
    return means[codes, folds]


def auc(y: Any, scores: Any) -> float:
    """Reckon the area under the ROC curve, ties counting half; 0.5 with one class."""
    values, place = np.unique(scores, return_inverse=True)
    ones = np.bincount(place, weights=y, minlength=len(values))
    zeros = np.bincount(place, weights=1 - y, minlength=len(values))
    if not ones.sum() or not zeros.sum():
        return 0.5
    below = np.cumsum(zeros) - zeros
    return float((ones * (below + zeros / 2)).sum() / (ones.sum() * zeros.sum()))


def _strengths(table: AuditTable, there: Any, y: Any) -> dict[str, float]:
    folds = np.random.default_rng(table.seed).integers(0, FOLDS, len(y))
    left_out = set(identifiers(table))
    strengths = {}
    for name in table.sample.column_names:
        part = table.columns[name]
        if name == table.target or name in left_out or is_free_text(part) or part["distinct"] < 1:
            continue
        codes = bin_values(table.numbers(name)[there], ordered=part["type"] != "text")
        strengths[name] = strength_of(codes, y, folds, regression=table.problem == "regression")
    return strengths


def find_leaks(table: AuditTable) -> list[Finding]:
    """Name features that know the target too well to be known before it."""
    if not table.problem or table.rows < LEAST_ROWS:
        return []
    there, y = _targets(table)
    if there.sum() < LEAST_ROWS or not (y.std(axis=0) > 0).any():
        return []
    findings, known = _identities(table, there, y)
    strengths = _strengths(table, there, y)
    for name, value in sorted(strengths.items(), key=lambda item: -item[1]):
        if value >= PERFECT and name not in known:
            known.add(name)
            findings.append(_perfect(table, name, value, int(there.sum())))
    findings += _too_good(table, there, y, strengths, known)
    return findings


def _measure(table: AuditTable, value: float) -> str:
    return f"R² {value:.3f}" if table.problem == "regression" else f"ROC AUC {(value + 1) / 2:.3f}"


def _perfect(table: AuditTable, name: str, value: float, n: int) -> Finding:
    return make_finding(
        "target_leak",
        "critical",
        f"Column “{name}” alone predicts “{table.target}” with {_measure(table, value)} "
        f"(out of fold, {n:,} rows): that is too good to be true.",
        "Find out when its value is known. If only after the outcome, leave it out.",
        columns=[name],
        n=n,
    )


def _identities(table: AuditTable, there: Any, y: Any) -> tuple[list[Finding], set[str]]:
    if table.problem != "regression":
        return [], set()
    goal = y[:, 0]
    names = [
        n
        for n in table.sample.column_names
        if n != table.target and table.columns[n]["type"] in {"integer", "number"} and table.columns[n]["distinct"] > 2
    ][:IDENTITY_COLUMNS]
    if not names:
        return [], set()
    data = np.nan_to_num(np.column_stack([table.numbers(n)[there] for n in names]))
    found: list[tuple[list[str], str, float]] = []
    few = data[:IDENTITY_ROWS]
    scale = np.maximum(np.abs(goal[:IDENTITY_ROWS]), 1e-9)
    for i in range(len(names)):
        for sign, symbol in ((1, "+"), (-1, "-")):
            start = i + 1 if sign == 1 else 0
            gaps = np.abs(few[:, [i]] + sign * few[:, start:] - goal[:IDENTITY_ROWS, None]) / scale[:, None]
            for j in np.flatnonzero((gaps < 1e-6).mean(axis=0) >= IDENTITY_SHARE) + start:
                if i == j:
                    continue
                exact = np.isclose(data[:, i] + sign * data[:, j], goal, rtol=1e-6, atol=1e-9).mean()
                if exact >= IDENTITY_SHARE and _both_matter(data[:, i], data[:, j]):
                    found.append(([names[i], names[int(j)]], f"{names[i]} {symbol} {names[int(j)]}", float(exact)))
    if not found:
        found = _linear_identity(names, data, goal)
    findings = [_identity(table, columns, words, share, len(goal)) for columns, words, share in found[:5]]
    return findings, {name for columns, _, _ in found for name in columns}


def _both_matter(first: Any, second: Any) -> bool:
    return bool((first != 0).mean() > 0.01 and (second != 0).mean() > 0.01)


def _linear_identity(names: list[str], data: Any, goal: Any) -> list[tuple[list[str], str, float]]:
    if len(goal) < 3 * len(names) + 10:
        return []
    spread = data.std(axis=0)
    use = spread > 0
    scaled = (data[:, use] - data[:, use].mean(axis=0)) / spread[use]
    centred = goal - goal.mean()
    weights, *_ = np.linalg.lstsq(scaled, centred, rcond=None)
    fit = 1 - float(((centred - scaled @ weights) ** 2).sum()) / float((centred**2).sum() or 1)
    if fit < 0.99999:
        return []
    matter = np.abs(weights) > 0.02 * np.abs(weights).max()
    chosen = [name for name, used, m in zip(names, use, _spread(matter, use), strict=True) if used and m]
    return [(chosen, "a weighted sum of " + ", ".join(chosen[:6]), fit)] if len(chosen) <= 10 else []


def _spread(matter: Any, use: Any) -> Any:
    out = np.zeros(len(use), bool)
    out[use] = matter
    return out


def _identity(table: AuditTable, columns: list[str], words: str, share: float, n: int) -> Finding:
    return make_finding(
        "target_identity",
        "critical",
        f"“{table.target}” is {words} in {100 * share:.1f} % of {n:,} rows: these columns hold the answer.",
        "Leave them out as features: they are parts of the target.",
        columns=columns,
        n=n,
    )


def _too_good(table: AuditTable, there: Any, y: Any, strengths: dict[str, float], known: set[str]) -> list[Finding]:
    """Find strong features without which the whole model falls deep."""
    usable = [n for n in sorted(strengths, key=lambda n: -strengths[n]) if n not in known][:MODEL_COLUMNS]
    suspects = [n for n in usable if strengths[n] >= STRONG][:3]
    if not suspects or len(usable) < 3:
        return []
    rows = np.flatnonzero(there)
    take = np.linspace(0, len(rows) - 1, min(len(rows), MODEL_ROWS)).astype(int)
    data = np.column_stack([table.numbers(n)[rows[take]] for n in usable])
    best = int(y.mean(axis=0).argmax()) if table.problem == "multiclass" else 0
    goal = y[take, best]
    words = [table.columns[n]["type"] == "text" and table.columns[n]["distinct"] <= 200 for n in usable]
    full = _model_strength(table, data, goal, words)
    findings = []
    for name in suspects:
        keep = np.array([n != name for n in usable])
        without = _model_strength(table, data[:, keep], goal, list(np.array(words)[keep]))
        if full - without >= DROP and strengths[name] >= STRONG:
            findings.append(_suspicious(table, name, strengths[name], full, without, len(goal)))
    return findings


def _model_strength(table: AuditTable, data: Any, goal: Any, words: list[bool]) -> float:
    folds = np.random.default_rng(table.seed).integers(0, 2, len(goal))
    scores = np.zeros(len(goal))
    regression = table.problem == "regression"
    model_class = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    data = np.where(np.asarray(words)[None, :] & (data > 250), 250, data)
    for fold in (0, 1):
        train, test = folds != fold, folds == fold
        if not regression and len(np.unique(goal[train])) < 2:
            return 0.0
        model = model_class(
            max_iter=60,
            max_leaf_nodes=15,
            early_stopping=False,
            random_state=table.seed,
            categorical_features=words if any(words) else None,
        )
        with threadpool_limits(1):  # a small fit on several threads waits more than it works on a busy machine
            model.fit(data[train], goal[train])
            scores[test] = model.predict(data[test]) if regression else model.predict_proba(data[test])[:, 1]
    if regression:
        return 1 - float(((goal - scores) ** 2).sum()) / float(((goal - goal.mean()) ** 2).sum() or 1)
    return 2 * auc(goal, scores) - 1


def _suspicious(table: AuditTable, name: str, alone: float, full: float, without: float, n: int) -> Finding:
    return make_finding(
        "too_good_to_be_true",
        "high",
        f"Column “{name}” carries much of what is known about “{table.target}”: alone {_measure(table, alone)}, "
        f"all columns {_measure(table, full)}, all without it {_measure(table, without)} ({n:,} rows).",
        "Ask when its value is known. If only during or after the outcome, it leaks: leave it out.",
        columns=[name],
        n=n,
    )


def find_predictive_missing(table: AuditTable) -> list[Finding]:
    """Name columns whose being missing tells about the target."""
    if not table.problem or table.rows < LEAST_ROWS:
        return []
    there, y = _targets(table)
    findings = []
    for name in table.sample.column_names:
        part = table.columns[name]
        if name == table.target or not 0.002 <= part["missing_share"] <= 0.998:
            continue
        gone = ~np.isfinite(table.numbers(name)[there])
        if min(gone.sum(), (~gone).sum()) < 10:
            continue
        if found := _missing_effect(table, name, gone, y):
            findings.append(found)
    return findings[:20]


def _missing_effect(table: AuditTable, name: str, gone: Any, y: Any) -> Finding | None:
    a, b = y[gone], y[~gone]
    spread = y.std(axis=0)
    gap = a.mean(axis=0) - b.mean(axis=0)
    error = spread * np.sqrt(1 / len(a) + 1 / len(b))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.nan_to_num(np.abs(gap) / error)
    at = int(z.argmax())
    large = abs(gap[at]) >= (0.3 * spread[at] if table.problem == "regression" else 0.1)
    if z[at] < 4.5 or not large:
        return None
    unit = "mean" if table.problem == "regression" else "share of one class"
    return make_finding(
        "predictive_missingness",
        "medium",
        f"Where “{name}” is missing ({len(a):,} rows of {len(y):,}), the {unit} of “{table.target}” is "
        f"{a[:, at].mean():.3g}, elsewhere {b[:, at].mean():.3g}: being missing tells about the target.",
        "Ask why it is missing; if it is filled in after the outcome, it leaks.",
        columns=[name],
        n=len(a),
    )
