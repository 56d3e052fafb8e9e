"""The door for web servers."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")
application = get_wsgi_application()
# Everything is loaded before the server forks: its processes share the memory, and no first page is slow.
get_resolver().url_patterns  # noqa: B018  # a lazy property
