"""Charts as pictures for papers. Only jobs import this: the converter carries a whole browser engine."""

import vl_convert

from freelance_ml.charts import Chart, theme

PRINT_WIDTH = 520  # points, the text width of an A4 page


def svg(chart: Chart, *, width: int = PRINT_WIDTH) -> str:
    """Draw a chart as SVG with the light theme; nothing is ever fetched."""
    spec = {**chart.spec, "width": width}
    return vl_convert.vegalite_to_svg(spec, vl_version="6.4", config=theme(), allowed_base_urls=[])
