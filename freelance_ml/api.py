"""The API's front: one router for all storeys, its schema, and its page."""

from typing import Any

from django.urls import URLPattern, URLResolver, path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from billing.api.bills import BillImportViewSet, BillViewSet, ColumnMappingViewSet
from billing.api.budgets import BudgetAlertViewSet, BudgetViewSet
from billing.api.compute import ComputeEntryViewSet, RateViewSet
from billing.api.rules import SpendRuleViewSet
from billing.api.spend import SpendViewSet
from evaluations.api.datasets import ColumnViewSet, DatasetViewSet, VersionViewSet
from evaluations.api.protocols import (
    LedgerViewSet,
    ProtocolViewSet,
    RunViewSet,
    TrainedModelViewSet,
    TrainingRunViewSet,
)
from evaluations.api.uploads import UploadViewSet
from freelance_ml.reports.api import ReportViewSet
from projects.api.change_orders import ChangeOrderViewSet
from projects.api.clients import ClientViewSet, ContactViewSet
from projects.api.engagements import EngagementViewSet
from projects.api.front import Description, ProblemList, UnknownAddress
from projects.api.jobs import JobViewSet
from projects.api.milestones import MilestoneViewSet
from projects.api.people import AuditEntryViewSet, MemberViewSet, MeViewSet
from projects.api.scopes import ScopeVersionViewSet
from projects.api.shares import CommentViewSet, DecisionViewSet, ShareLinkViewSet

router = SimpleRouter(use_regex_path=False)

VIEWSETS: list[tuple[str, Any, str]] = [
    # what stands in the address, the viewset, and the name of its patterns (api-<name>-list, -detail)
    ("members", MemberViewSet, "api-member"),
    ("audit-entries", AuditEntryViewSet, "api-audit-entry"),
    ("jobs", JobViewSet, "api-job"),
    ("clients", ClientViewSet, "api-client"),
    ("contacts", ContactViewSet, "api-contact"),
    ("engagements", EngagementViewSet, "api-engagement"),
    ("milestones", MilestoneViewSet, "api-milestone"),
    ("scopes", ScopeVersionViewSet, "api-scope"),
    ("change-orders", ChangeOrderViewSet, "api-change-order"),
    ("share-links", ShareLinkViewSet, "api-share-link"),
    ("comments", CommentViewSet, "api-comment"),
    ("decisions", DecisionViewSet, "api-decision"),
    ("bill-imports", BillImportViewSet, "api-bill-import"),
    ("bills", BillViewSet, "api-bill"),
    ("column-mappings", ColumnMappingViewSet, "api-column-mapping"),
    ("spend-rules", SpendRuleViewSet, "api-spend-rule"),
    ("spend", SpendViewSet, "api-spend"),
    ("budgets", BudgetViewSet, "api-budget"),
    ("budget-alerts", BudgetAlertViewSet, "api-budget-alert"),
    ("rates", RateViewSet, "api-rate"),
    ("compute-entries", ComputeEntryViewSet, "api-compute-entry"),
    ("uploads", UploadViewSet, "api-upload"),
    ("datasets", DatasetViewSet, "api-dataset"),
    ("dataset-versions", VersionViewSet, "api-dataset-version"),
    ("dataset-columns", ColumnViewSet, "api-dataset-column"),
    ("protocols", ProtocolViewSet, "api-protocol"),
    ("training-runs", TrainingRunViewSet, "api-training-run"),
    ("models", TrainedModelViewSet, "api-model"),
    ("evaluations", RunViewSet, "api-evaluation"),
    ("looks", LedgerViewSet, "api-look"),
    ("reports", ReportViewSet, "api-report"),
]
for prefix, viewset, name in VIEWSETS:
    router.register(prefix, viewset, basename=name)

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/", MeViewSet.as_view({"get": "show"}), name="api-me"),
    *router.urls,
    path("problems/", ProblemList.as_view(), name="api-problems"),
    path("schema/", Description.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"[\s\S]*", UnknownAddress.as_view(), name="api-unknown"),  # last: whatever is not above, even a newline
]
