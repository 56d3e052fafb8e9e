"""What can be wrong with data, protocols and evaluations, in words a person can act on."""

from projects.errors import DomainError


class UploadIncompleteError(DomainError):
    """Raised when an upload is finished before all its pieces are there."""

    code = "upload-incomplete"
    template = "{missing} of {count} pieces are still missing. Send them, then finish the upload again."


class UploadTooLargeError(DomainError):
    """Raised when a file exceeds what one upload may hold."""

    code = "upload-too-large"
    template = "The file holds {size} bytes; {limit} are allowed. Split it, or send it as Parquet."


class UploadGoneError(DomainError):
    """Raised when a piece comes for an upload that was given up or swept."""

    code = "upload-gone"
    template = "The upload of “{name}” was given up, or waited too long for its next piece. Begin it again."


class UploadUsedError(DomainError):
    """Raised when an upload from which something was made already would be used again."""

    code = "upload-used"
    template = "“{name}” has been taken in already. Upload the file again to use it once more."


class DatasetNameTakenError(DomainError):
    """Raised when a workspace has a dataset of that name already."""

    code = "dataset-name-taken"
    template = "There is already a dataset named “{name}”. Choose another name, or add the file to it as a new version."


class ReadingInProgressError(DomainError):
    """Raised when a version would be changed while it is being read."""

    code = "reading-in-progress"
    template = "{version} is still being read. Wait until that is done, then try again."


class ChunkMismatchError(DomainError):
    """Raised when a piece does not have the size or hash that it should have."""

    code = "chunk-mismatch"
    template = "Piece {index} has {size} bytes instead of {expected}, or another hash. Send it again."


class VersionInUseError(DomainError):
    """Raised when the reading of a version that a protocol rests on would be changed."""

    code = "version-in-use"
    template = "A protocol rests on {version}, so it stays. To read its file differently, upload it as a new version."


class DatasetNotReadyError(DomainError):
    """Raised when a dataset version is used before it has been read, or while it asks something."""

    code = "dataset-not-ready"
    template = "{version} is not ready: {state}. Open the dataset and answer what it asks."


class ProtocolFrozenError(DomainError):
    """Raised when a frozen protocol would be changed."""

    code = "protocol-frozen"
    template = "Protocol {number} is frozen. Start a new version and give the reason for the change."


class ProtocolNotFrozenError(DomainError):
    """Raised when something is judged before its protocol is frozen."""

    code = "protocol-not-frozen"
    template = "The protocol is not frozen yet. Freeze it first, so that the promise cannot move."


class ProtocolInvalidError(DomainError):
    """Raised when a protocol cannot be frozen; ``problems`` names each field and what to do."""

    code = "protocol-invalid"
    template = "The protocol cannot be frozen: {problems}"


class GateUndecidableError(DomainError):
    """Raised when the rows cannot decide a gate."""

    code = "gate-undecidable"
    template = "These rows cannot decide the promise: {problems}"


class NoLooksLeftError(DomainError):
    """Raised when the budget of looks is spent."""

    code = "no-looks-left"
    template = "All {budget} looks at the acceptance rows are spent. Agree on a new protocol with fresh rows."


class VerdictPendingError(DomainError):
    """Raised when a report or look is wished while an evaluation is still running."""

    code = "verdict-pending"
    template = "An evaluation on the acceptance rows is still running. Wait for it, then try again."


class AlreadyPassedError(DomainError):
    """Raised when a milestone whose gates have passed would be looked at again."""

    code = "already-passed"
    template = "The acceptance rows have already given a pass. Another look would only spend what is proved."


class StrangeModelError(DomainError):
    """Raised when a model would be judged on rows that it may have learned from."""

    code = "strange-model"
    template = (
        "This model was trained under another protocol, so it may have seen the acceptance rows of this one. "
        "Train it again under this protocol."
    )


class LookNotChargedError(DomainError):
    """Raised when the acceptance rows are asked for without an entry in the ledger of looks."""

    code = "look-not-charged"
    template = "The acceptance rows are only opened for a look that is in the ledger. Start an evaluation."


class LookOverError(DomainError):
    """Raised when a look that has its result would be retried."""

    code = "look-over"
    template = "This look has its result and stays as it is. Start another look, if the budget holds one."


class ReportNotLatestError(DomainError):
    """Raised when an older report would be sent or answered."""

    code = "report-not-latest"
    template = "Report {number} has been superseded by a newer one. Open the newest."


class ReportNotSentError(DomainError):
    """Raised when a link to a report is wished before the report was sent."""

    code = "report-not-sent"
    template = "Report {number} has not been sent. Send it first: that submits the milestone and makes a link."
