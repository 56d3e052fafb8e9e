"""Reading what people send: any table, however odd, into one typed Parquet file and a report."""

from evaluations.engine.reading.tables import read_table
from evaluations.engine.reading.values import ReadingError, ReadLimits, ReadOptions, ReadReport

__all__ = ["ReadLimits", "ReadOptions", "ReadReport", "ReadingError", "read_table"]
