"""Addresses of the evaluations pages."""

from django.urls import URLPattern, URLResolver, path

from evaluations.views import datasets, models, protocols, runs, versions

app_name = "evaluations"
urlpatterns: list[URLPattern | URLResolver] = []

# --- data ---
urlpatterns += [
    path("data/", datasets.dataset_list, name="dataset-list"),
    path("data/new/", datasets.dataset_new, name="dataset-new"),
    path("data/readings/<uuid:job_id>/", datasets.dataset_reading, name="dataset-reading"),
    path("data/<uuid:dataset_id>/", versions.dataset_page, name="dataset"),
    path("data/<uuid:dataset_id>/edit/", datasets.dataset_edit, name="dataset-edit"),
    path("data/<uuid:dataset_id>/versions/new/", datasets.version_new, name="dataset-version-new"),
]
for suffix, view, name in (
    ("", versions.version_page, "dataset-version"),
    ("original/", versions.version_original, "dataset-version-original"),
    ("delete/", versions.version_delete, "dataset-version-delete"),
    ("answer/", versions.version_answer, "dataset-version-answer"),
    ("types/", versions.version_types, "dataset-version-types"),
    ("reading/", versions.version_reading, "dataset-version-reading"),
    ("target/", versions.version_target, "dataset-version-target"),
    ("findings/", versions.version_findings, "dataset-version-findings"),
):
    urlpatterns.append(path(f"data/versions/<uuid:dataset_version_id>/{suffix}", view, name=name))

# --- protocols, training, models, evaluations ---
urlpatterns += [
    path("milestones/<uuid:milestone_id>/protocol/", protocols.protocol_start, name="protocol-start"),
    path("protocols/<uuid:protocol_id>/", protocols.protocol_page, name="protocol"),
    path("protocols/<uuid:protocol_id>/edit/", protocols.protocol_edit, name="protocol-edit"),
    path("protocols/<uuid:protocol_id>/freeze/", protocols.protocol_freeze, name="protocol-freeze"),
    path("protocols/<uuid:protocol_id>/close-looks/", protocols.protocol_close, name="protocol-close"),
    path("protocols/<uuid:protocol_id>/rows.<str:form>", protocols.protocol_rows, name="protocol-rows"),
    path("protocols/<uuid:protocol_id>/train/", models.training_new, name="training-new"),
    path("protocols/<uuid:protocol_id>/predictions/", runs.predictions_new, name="predictions-new"),
    path("trainings/<uuid:training_run_id>/", models.training_page, name="training"),
    path("models/<uuid:trained_model_id>/", models.model_page, name="model"),
    path("models/<uuid:trained_model_id>/card/", models.model_card, name="model-card"),
    path("models/<uuid:trained_model_id>/look/", models.model_look, name="model-look"),
    path("evaluations/<uuid:evaluation_run_id>/", runs.run_page, name="run"),
    path("evaluations/<uuid:evaluation_run_id>/retry/", runs.run_retry, name="run-retry"),
]
