"""The roof: settings, addresses, start-up, the API's front, reports and page parts."""

from freelance_ml.sqlite import use_fixed_sqlite

use_fixed_sqlite()
