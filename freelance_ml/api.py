"""The API's front: one router for all storeys, its schema, and its page."""

from typing import Any

from django.urls import URLPattern, URLResolver, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from projects.api.front import ProblemList, UnknownAddress
from projects.api.jobs import JobViewSet
from projects.api.people import AuditEntryViewSet, MemberViewSet, MeViewSet

router = SimpleRouter(use_regex_path=False)

VIEWSETS: list[tuple[str, Any, str]] = [
    # what stands in the address, the viewset, and the name of its patterns (api-<name>-list, -detail)
    ("members", MemberViewSet, "api-member"),
    ("audit-entries", AuditEntryViewSet, "api-audit-entry"),
    ("jobs", JobViewSet, "api-job"),
]
for prefix, viewset, name in VIEWSETS:
    router.register(prefix, viewset, basename=name)

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/", MeViewSet.as_view({"get": "show"}), name="api-me"),
    *router.urls,
    path("problems/", ProblemList.as_view(), name="api-problems"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("", UnknownAddress.as_view(), name="api-root"),
    path("<path:rest>", UnknownAddress.as_view(), name="api-unknown"),  # last: whatever is not above
]
