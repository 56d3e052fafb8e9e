"""What can go wrong with a backup."""


class BackupError(Exception):
    """Raised with a sentence on what is wrong and what to do."""
