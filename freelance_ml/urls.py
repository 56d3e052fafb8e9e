"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from freelance_ml import health, palette, views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("palette/", palette.palette, name="palette"),
    path("theme/", views.choose_theme, name="theme"),
    path("workspace/", views.choose_workspace, name="workspace"),
    path("welcome/", views.welcome, name="welcome"),
    path("health", health.health, name="health"),
    path("metrics", health.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("freelance_ml.api")),
    path("admin/", admin.site.urls),
    path("", include("projects.urls")),
    path("", include("billing.urls")),
    path("", include("evaluations.urls")),
]
