"""What every page's shell needs."""

from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, object]:
    """Give the templates the actor of the request."""
    return {"actor": getattr(request, "actor", None)}
