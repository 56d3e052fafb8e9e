"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from freelance_ml import health, palette, views
from freelance_ml.reports import views as reports
from projects.views import documents

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("palette/", palette.palette, name="palette"),
    path("theme/", views.choose_theme, name="theme"),
    path("workspace/", views.choose_workspace, name="workspace"),
    path("welcome/", views.welcome, name="welcome"),
    path("reports/<uuid:report_id>/", reports.report_page, name="report"),
    path("reports/<uuid:subject_id>/send/", documents.document_send, {"purpose": "report"}, name="report-send"),
    path("reports/<uuid:subject_id>/<str:form>", documents.document_file, {"purpose": "report"}, name="report-file"),
    path("milestones/<uuid:milestone_id>/report/", reports.report_make, name="report-make"),
    path("verify/", reports.verify, name="verify"),
    path("health", health.health, name="health"),
    path("metrics", health.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("freelance_ml.api")),
    path("admin/", admin.site.urls),
    path("", include("projects.urls")),
    path("", include("billing.urls")),
    path("", include("evaluations.urls")),
]
