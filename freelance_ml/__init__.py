"""The roof: settings, addresses, start-up, the API's front, reports and page parts."""

from freelance_ml.celery import app as celery_app
from freelance_ml.sqlite import use_fixed_sqlite

__all__ = ["celery_app"]

use_fixed_sqlite()
