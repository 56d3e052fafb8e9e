"""Judge data or predictions by a protocol on the command line, for a client's pipeline."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from evaluations.judging import BadInputError, judge_data, judge_predictions
from projects.canonical import canonical

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 2}
BAD_INPUT = 3


class Command(BaseCommand):
    """Read the arguments, judge, say the verdict, and exit with its code."""

    help = "Judge a file by a protocol. Exit code: 0 pass, 1 fail, 2 inconclusive, 3 bad input."
    requires_system_checks: list[str] = []  # needs neither database nor queue

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a file, a protocol and where to write the result."""
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--data", type=Path, help="labelled data: rows are set aside, the rest is trained on")
        source.add_argument("--predictions", type=Path, help="truth beside predictions, from any framework")
        parser.add_argument("--protocol", type=Path, required=True, help="the terms, as JSON")
        parser.add_argument("--json", type=Path, help="write the whole result here, as canonical JSON")
        parser.add_argument("--read", default="{}", help="how to read the file where the guess is wrong, as JSON")
        parser.add_argument("--budget", type=int, default=60, help="seconds for the search, with --data")

    def handle(self, **options: Any) -> None:
        """Judge and exit."""
        try:
            result = self._judge(**options)
            if options["json"]:
                options["json"].write_bytes(canonical(result))
        except BadInputError as error:
            self.stderr.write(str(error))
            sys.exit(BAD_INPUT)
        except OSError as error:
            self.stderr.write(f"{error.filename} cannot be written or read: {error.strerror}.")
            sys.exit(BAD_INPUT)
        verdict = result["verdict"]
        self.stdout.write(f"{verdict['verdict'].upper()}: {verdict['sentence']}")
        for gate in result["gates"]:
            self.stdout.write(f"  {gate['verdict']:<13} {gate['promise']}. {gate['sentence']}")
        sys.exit(EXIT_CODES[verdict["verdict"]])

    def _judge(self, **options: Any) -> dict[str, Any]:
        protocol = _json_object(options["protocol"].read_text(encoding="utf-8"), f"{options['protocol']}")
        reading = _json_object(options["read"], "--read")
        if options["data"]:
            return judge_data(options["data"], protocol, options=reading, budget=options["budget"], tell=self._tell)
        return judge_predictions(options["predictions"], protocol, options=reading, tell=self._tell)

    def _tell(self, text: str) -> None:
        self.stderr.write(f"{text} …")


def _json_object(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadInputError(problem=f"{name} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadInputError(problem=f"{name} must hold one JSON object with named fields.")
    return value
