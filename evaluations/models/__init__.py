"""The tables of the third storey, one file a noun."""

from evaluations.models.datasets import Column, Dataset, DatasetVersion, StoredFile, Upload, UploadChunk
from evaluations.models.models import PredictionFile, TrainedModel, TrainingRun
from evaluations.models.protocols import AcceptanceSet, Look, Protocol
from evaluations.models.reports import Report
from evaluations.models.runs import EvaluationRun

__all__ = [
    "AcceptanceSet",
    "Column",
    "Dataset",
    "DatasetVersion",
    "EvaluationRun",
    "Look",
    "PredictionFile",
    "Protocol",
    "Report",
    "StoredFile",
    "TrainedModel",
    "TrainingRun",
    "Upload",
    "UploadChunk",
]
