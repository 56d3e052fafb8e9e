"""Draw a report's charts, in the child process of a job: the converter carries a whole browser engine."""

from typing import Any

from freelance_ml.chart_pictures import svg
from freelance_ml.evaluation_charts import evaluation_charts
from projects.sandbox import Task

MOST_BYTES = 60_000  # a chart; the single file that a client keeps stays small


def run(task: Task) -> dict[str, Any]:
    """Draw each curve of the report's frozen value as SVG.

    Arguments: ``curves``. A chart that comes out too large is left out; its figures are in the report as numbers.
    """
    charts = evaluation_charts(task.arguments["curves"])
    drawn = []
    for position, chart in enumerate(charts):
        task.progress("Drawing charts", position, len(charts))
        picture = svg(chart)
        if len(picture.encode()) <= MOST_BYTES:
            drawn.append({"title": chart.title, "text": chart.text, "note": chart.note, "svg": picture})
    return {"charts": drawn}
