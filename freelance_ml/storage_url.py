"""Where files are kept, read from one address: a folder, or a bucket behind an S3 interface."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ImproperlyConfigured

KNOWN = {"endpoint", "region", "addressing"}
HELD_IN_MEMORY = 8 << 20  # bytes of a file out of a bucket; the rest of it goes to the disk


def configuration(url: str, *, folder: Path) -> dict[str, Any]:
    """Give Django's description of the default storage.

    Keys of an S3 store are not part of the address: they come from AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY, or from the machine's role.
    """
    if not url:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": folder,
                "base_url": None,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme != "s3" or not parts.hostname or set(options) - KNOWN or parts.username:
        message = "STORAGE_URL must read s3://bucket/prefix?endpoint=https://host&region=name, without keys."
        raise ImproperlyConfigured(message)
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": parts.netloc,
            "location": parts.path.strip("/"),
            "endpoint_url": options.get("endpoint"),
            "region_name": options.get("region"),
            "addressing_style": options.get("addressing", "auto"),
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": True,  # as on disk: an address names one file
            "max_memory_size": HELD_IN_MEMORY,  # or a file of gigabytes is held whole by whoever opens it
            "signature_version": "s3v4",
        },
    }
