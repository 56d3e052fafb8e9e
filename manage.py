#!/usr/bin/env python
"""Run Django's commands and the project's own."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")
    execute_from_command_line(sys.argv)
