"""The address of the one who asks, when proxies stand in front that are named in TRUSTED_PROXIES."""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyMiddleware:
    """Put the caller's own address into REMOTE_ADDR; a header from anyone else is not believed."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.trusted: list[Network] = [ipaddress.ip_network(entry) for entry in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Walk the chain of proxies from the nearest outwards to the first address that is none of ours."""
        if self.trusted:
            chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
            address = request.META.get("REMOTE_ADDR", "")
            while chain and self._is_ours(address):
                address = chain.pop()
            request.META["REMOTE_ADDR"] = address
        return self.get_response(request)

    def _is_ours(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.trusted)
