"""What can be wrong with a scope, an estimate or a ledger."""

from projects.errors import DomainError


class ScopingError(DomainError):
    """Raised when a scope, an estimate, a change or a ledger cannot be; ``field`` names the place."""

    codes = ("bad-scope", "bad-estimate", "bad-change")  # and bad-ledger, a fault of ours that no input causes
    template = "{message}"

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message=f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
