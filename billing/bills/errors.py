"""What can be wrong with a bill, said so that the person who uploaded it can act."""

from projects.errors import DomainError


class BillError(DomainError):
    """Raised when a bill cannot be read; ``code`` is stable, ``line`` is the line of the file.

    The codes: ``empty-bill``, ``unknown-format``, ``broken-archive``, ``archive-content``,
    ``too-large``, ``bomb``, ``not-text``, ``broken-csv``, ``ragged-row``, ``too-many-columns``,
    ``double-column``, ``bad-amount``, ``bad-date``, ``bad-mapping``, ``missing-column``,
    ``missing-currency``, ``text-too-long`` and ``amount-out-of-range``.
    """

    template = "{message}"

    def __init__(self, code: str, message: str, *, line: int | None = None) -> None:
        where = f"Line {line}: " if line else ""
        super().__init__(message=f"{where}{message}")
        self.code = code
        self.line = line
