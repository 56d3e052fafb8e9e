"""Stops a form's body that is far too large before it fills the disk."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload

from billing.storage import LARGEST

MOST = LARGEST + 10**6  # bytes of a body: the largest bill, and the form around it
MOST_OF_STRANGERS = 4 * 10**6  # bytes of a body of someone who is not signed in: twice the largest report


class BoundedUploadHandler(FileUploadHandler):
    """Reads a body to its end without keeping any file of it, when it says to be too large."""

    is_too_large = False

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  # Django calls it so
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        """Look at the length that the request announces; no server reads more than that."""
        user = getattr(self.request, "user", None)
        self.is_too_large = content_length > (MOST if user and user.is_authenticated else MOST_OF_STRANGERS)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Skip the rest of the body; the form then misses its file."""
        super().new_file(*args, **kwargs)
        if self.is_too_large:
            raise StopUpload(connection_reset=False)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Hand the bytes on."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""
