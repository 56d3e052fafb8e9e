"""A model's card: Markdown for people, with the metadata that model hubs read on top."""

import json
from collections.abc import Mapping
from typing import Any

TASKS = {
    "binary": "tabular-classification",
    "multiclass": "tabular-classification",
    "regression": "tabular-regression",
    "text": "text-classification",
}
MOST_COLUMNS = 20
FOLDS = (
    "On the development rows, each predicted by a model that had not seen it. These are not the rows that "
    "decide the contract; those were sealed and are opened only for counted looks."
)
LIMITS = (
    "- It speaks of rows like those it learned from. If the data changes, so may its quality.\n"
    "- Importance says what the model uses, not what causes the outcome.\n"
    "- Whether it keeps the promise is decided on sealed rows alone; see the report."
)
MARKS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#"})


def write_card(values: Mapping[str, Any]) -> str:
    """Write a model card.

    Parameters
    ----------
    values : mapping
        title, recipe, made_on, milestone, promise, terms, protocol_number, protocol_sha256, facts, scores, rivals,
        metric, artifact_sha256 and data, as the tables hold them.

    Returns
    -------
    str
        YAML front matter (every value a JSON string, which YAML reads alike) and Markdown.
    """
    facts, terms, data = values["facts"], values["terms"], values["data"]
    parts = [
        _front_matter(values),
        f"# {_plain(values['title'])}",
        f"Made on {values['made_on']} for the milestone “{_plain(values['milestone'])}”"
        + (f": {_plain(values['promise'])}" if values["promise"] else "."),
        "## What it is",
        _facts(
            {
                "Recipe": f"{values['title']} ({values['recipe']})",
                "Predicts": terms.get("target"),
                "Task": terms.get("task"),
                "Class to find": terms.get("positive_class"),
                "Settings": ", ".join(f"{k} = {v}" for k, v in facts["settings"].items()) or "the usual ones",
                "Trained on": f"{facts['rows']:,} rows",
                "Size": f"{facts['bytes']:,} bytes (skops)",
                "SHA-256": values["artifact_sha256"],
                "Versions": ", ".join(f"{name} {version}" for name, version in facts["versions"].items()),
            }
        ),
        "## How it did in cross-validation",
        FOLDS,
        _scores(values["scores"].get("measures") or []),
        _rivals(values),
        _importance(facts.get("importance") or []),
        "## Data",
        _facts(
            {
                "Dataset": f"{data['name']}, version {data['version']}" if data["name"] else "",
                "Source": data["source"],
                "Owner": data["owner"],
                "Licence": data["licence"],
                "Development rows (SHA-256)": facts.get("development_sha256"),
                "Numbers": _list(facts["plan"]["numeric"]),
                "Categories": _list(facts["plan"]["categorical"]),
                "Text": _list(facts["plan"]["text"]),
                "Dates": _list(facts["plan"]["dates"]),
                "Left out": _list([name for name, _ in facts["plan"]["left_out"]]),
            }
        ),
        "## Limits",
        LIMITS,
        "## Provenance",
        _facts({"Protocol": f"version {values['protocol_number']}", "Protocol (SHA-256)": values["protocol_sha256"]}),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(values: Mapping[str, Any]) -> str:
    terms, data = values["terms"], values["data"]
    task = TASKS.get(terms.get("task", ""), "tabular-classification")
    measures = [m for m in values["scores"].get("measures") or [] if m["value"] is not None]
    lines = ["---", 'library_name: "sklearn"', f'pipeline_tag: "{task}"']
    if data["licence"]:
        lines.append(f"license_name: {_quoted(data['licence'])}")
    lines += ["tags:", '- "sklearn"', '- "skops"', f"- {_quoted(values['recipe'])}", "metrics:"]
    lines += [f"- {_quoted(m['metric'])}" for m in measures]
    lines += [
        "model-index:",
        f"- name: {_quoted(values['title'])}",
        "  results:",
        "  - task:",
        f"      type: {_quoted(task)}",
        "    dataset:",
        f"      name: {_quoted(data['name'] or 'not named')}",
        '      type: "private"',
        '      split: "cross-validation on the development rows"',
        "    metrics:",
    ]
    for measured in measures:
        lines += [
            f"    - type: {_quoted(measured['metric'])}",
            f"      name: {_quoted(measured['label'])}",
            f"      value: {measured['value']!r}",
        ]
    return "\n".join([*lines, "---"])


def _scores(measures: list[Mapping[str, Any]]) -> str:
    lines = ["| Figure | Value | Interval | n |", "| --- | ---: | --- | ---: |"]
    for m in measures:
        if m["value"] is not None:
            interval = f"[{m['low']:.4g}, {m['high']:.4g}]" if m["low"] is not None and m["high"] is not None else "–"
            lines.append(f"| {m['label']} | {m['value']:.4g} | {interval} | {m['n']:,} |")
    return "\n".join(lines)


def _rivals(values: Mapping[str, Any]) -> str:
    rivals = [rival for rival in values["rivals"] if rival["score"] is not None]
    if len(rivals) < 2:  # alone there is nothing to compare
        return ""
    told = "; ".join(f"{_plain(rival['title'])} {rival['score']:.4g}" for rival in rivals)
    return f"Rivals on the same folds, by {values['metric']}: {told}."


def _importance(rows: list[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    lines = ["## What it uses", "How much worse it gets when one column is shuffled:", ""]
    lines += ["| Column | Loss | Spread |", "| --- | ---: | ---: |"]
    lines += [f"| {_plain(row['column'])} | {row['mean']:.4g} | {row['spread']:.2g} |" for row in rows[:MOST_COLUMNS]]
    return "\n".join(lines)


def _facts(pairs: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {_plain(str(value))}" for name, value in pairs.items() if value)


def _list(names: list[str]) -> str:
    rest = len(names) - MOST_COLUMNS
    return ", ".join(names[:MOST_COLUMNS]) + (f" and {rest} more" if rest > 0 else "")


def _plain(text: str) -> str:
    """Keep words of others from becoming Markdown or HTML, and on one line."""
    return " ".join(str(text).split()).translate(MARKS)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
