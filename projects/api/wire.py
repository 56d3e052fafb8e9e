"""What goes over the wire: bounded JSON bodies, one answer form, bounded pages."""

import json
import math
import re
from typing import Any

from rest_framework.exceptions import NotAcceptable, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import JSONParser

from projects.api.problems import ApiProblemError
from projects.nesting import must_be_shallow

LARGEST_WHOLE = 2**63 - 1  # what a column of the database holds
BODY_LIMIT = 2 * 2**20  # bytes; files have their own upload address
HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # of a character beyond the first 65,536; two halves make one


class BoundedJSONParser(JSONParser):
    """JSON of at most ``BODY_LIMIT`` bytes, whose numbers can be stored; the framework's own parser reads on."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read one byte more than allowed, so that a wrong Content-Length helps nobody."""
        raw = stream.read(BODY_LIMIT + 1)
        if len(raw) > BODY_LIMIT:
            raise ApiProblemError("body-too-large", f"A body may have {BODY_LIMIT} bytes at most.")
        try:
            body = json.loads(
                raw.decode(), parse_constant=_no_constant, parse_float=_finite_number, parse_int=_whole_number
            )
            must_be_shallow(body)
            if HALF.search(raw):
                json.dumps(body, ensure_ascii=False).encode()  # a half alone could not be written into any answer
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"The JSON cannot be read: {error}") from None
        return body


def _no_constant(name: str) -> None:
    message = f"{name} is no number of JSON."
    raise ValueError(message)


def _finite_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        message = f"The number {text[:20]} is too large."
        raise ValueError(message)
    return number


def _whole_number(text: str) -> int:
    if len(text) > len(str(-LARGEST_WHOLE)) or abs(int(text)) > LARGEST_WHOLE:
        message = f"The number {text[:20]}… has too many digits; send it as a text where the field takes one."
        raise ValueError(message)
    return int(text)


class JsonAnyway(DefaultContentNegotiation):
    """Answer in the first form that the address has when the wished one does not exist."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        """Prefer the wish; never refuse for it."""
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            return renderers[0], renderers[0].media_type


class BoundedPages(PageNumberPagination):
    """Pages of 50 rows, at most 200."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
