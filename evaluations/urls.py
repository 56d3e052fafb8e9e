"""Addresses of the evaluations pages."""

from django.urls import URLPattern, URLResolver, path

from evaluations.views import datasets

app_name = "evaluations"
urlpatterns: list[URLPattern | URLResolver] = []

# --- data ---
urlpatterns += [
    path("data/", datasets.dataset_list, name="dataset-list"),
    path("data/new/", datasets.dataset_new, name="dataset-new"),
    path("data/readings/<uuid:job_id>/", datasets.dataset_reading, name="dataset-reading"),
    path("data/<uuid:dataset_id>/", datasets.dataset_page, name="dataset"),
    path("data/<uuid:dataset_id>/edit/", datasets.dataset_edit, name="dataset-edit"),
    path("data/<uuid:dataset_id>/versions/new/", datasets.version_new, name="dataset-version-new"),
]
for suffix, view, name in (
    ("", datasets.version_page, "dataset-version"),
    ("original/", datasets.version_original, "dataset-version-original"),
    ("delete/", datasets.version_delete, "dataset-version-delete"),
    ("answer/", datasets.version_answer, "dataset-version-answer"),
    ("types/", datasets.version_types, "dataset-version-types"),
    ("reading/", datasets.version_reading, "dataset-version-reading"),
    ("target/", datasets.version_target, "dataset-version-target"),
    ("findings/", datasets.version_findings, "dataset-version-findings"),
):
    urlpatterns.append(path(f"data/versions/<uuid:dataset_version_id>/{suffix}", view, name=name))
