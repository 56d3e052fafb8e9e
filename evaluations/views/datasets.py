"""Pages of data: the list, files taken in and read, and by what right they are used."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from evaluations import dispatch
from evaluations.forms.datasets import FileForm, NewDatasetForm, RightsForm
from evaluations.kind_names import READ_DATASET
from evaluations.models import Dataset, DatasetVersion
from evaluations.queries.datasets import datasets_of, engagements_with_data
from evaluations.services import datasets
from projects.errors import DomainError
from projects.filters import chips, chosen, page_of, search_words, sorted_rows
from projects.models import Engagement, Job
from projects.web import ActorRequest, member, render_page, writer

ORDERS = {"name": ("name", "pk"), "-name": ("-name", "pk"), "-changed": ("-changed_at", "name")}
STOP_POLLING = 286  # htmx's own: swap this answer, then ask no more


# --- the list -------------------------------------------------------------------------------------
@require_GET
@member
def dataset_list(request: ActorRequest) -> HttpResponse:
    """List the workspace's datasets; htmx gets the table alone."""
    offered = [(str(row.pk), row.title) for row in engagements_with_data(request.actor)]
    engagement = chosen(request, "engagement", [*(pk for pk, _ in offered), "none"])
    words = search_words(request)
    page = page_of(request, sorted_rows(request, datasets_of(request.actor, text=words, engagement=engagement), ORDERS))
    context = {
        "page": page,
        "words": words,
        "engagement": engagement,
        "chips": chips(request, "engagement", [*offered, ("none", "Without engagement")]) if offered else [],
        "today": timezone.localdate(),
    }
    return render_page(request, "evaluations/dataset_list.html", context, partial="rows")


# --- taking in --------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@writer
def dataset_new(request: ActorRequest) -> HttpResponse:
    """Make a dataset of an uploaded file."""
    wished = request.GET.get("engagement", "")
    form = NewDatasetForm(request.POST or None, actor=request.actor, initial={"engagement": wished})
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            with transaction.atomic():
                made = datasets.add_dataset(by=request.actor, name=said["name"], engagement=said["engagement"])
                version = dispatch.add_version(dataset=made, upload=said["upload"], by=request.actor, new_dataset=True)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return to_reading(version)
    return _upload_page(request, form, title="Upload data", back=reverse("evaluations:dataset-list"))


@require_http_methods(["GET", "POST"])
@writer
def version_new(request: ActorRequest, dataset_id: UUID) -> HttpResponse:
    """Add an uploaded file to a dataset as its next version."""
    dataset = find_dataset(request, dataset_id)
    form = FileForm(request.POST or None, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            version = dispatch.add_version(dataset=dataset, upload=form.cleaned_data["upload"], by=request.actor)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return to_reading(version)
    back = reverse("evaluations:dataset", args=[dataset.pk])
    return _upload_page(request, form, title="New version", back=back, dataset=dataset)


@require_GET
@member
def dataset_reading(request: ActorRequest, job_id: UUID) -> HttpResponse:
    """Show how far a reading is; then lead to the version, or say why the file is no table."""
    jobs = Job.objects.visible_to(request.actor).filter(kind=READ_DATASET)
    job: Job = get_object_or_404(jobs, pk=job_id)
    versions = DatasetVersion.objects.visible_to(request.actor).select_related("dataset").defer("report", "profile")
    version = versions.filter(pk=job.arguments.get("version")).first()
    if job.is_over and version is not None:
        return _lead(request, reverse("evaluations:dataset-version", args=[version.pk]))
    context = {
        "job": job,
        "version": version,
        "again": reverse("evaluations:dataset-new"),
        "crumbs": [("Data", reverse("evaluations:dataset-list"))],
    }
    response = render_page(request, "evaluations/dataset_reading.html", context, partial="body")
    return or_stop(request, response, runs=not job.is_over)


@require_http_methods(["GET", "POST"])
@writer
def dataset_edit(request: ActorRequest, dataset_id: UUID) -> HttpResponse:
    """Change what is known of a dataset: where it comes from and by what right it is used."""
    dataset = find_dataset(request, dataset_id)
    name, back = dataset.name, reverse("evaluations:dataset", args=[dataset.pk])
    form = RightsForm(request.POST or None, actor=request.actor, instance=dataset)
    if request.method == "POST" and form.is_valid():
        try:
            datasets.change_dataset(dataset=dataset, by=request.actor, **form.cleaned_data)
        except DomainError as error:
            form.add_error("name" if error.code == "dataset-name-taken" else None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("evaluations:dataset", dataset.pk)
    crumbs = [("Data", reverse("evaluations:dataset-list")), (name, back)]
    context = {"form": form, "dataset": dataset, "back": back, "crumbs": crumbs}
    status = 422 if form.is_bound else 200
    return render_page(request, "evaluations/dataset_form.html", context, status=status)


def to_reading(version: DatasetVersion) -> HttpResponse:
    """Lead to the page that shows how far the reading of a version is."""
    return redirect("evaluations:dataset-reading", version.job_id)


def _lead(request: ActorRequest, address: str) -> HttpResponse:
    """Lead the whole page to an address, also from a part that htmx asked for."""
    if not request.htmx:
        return HttpResponseRedirect(address)
    return HttpResponse(status=STOP_POLLING, headers={"HX-Redirect": address})


def or_stop(request: ActorRequest, response: HttpResponse, *, runs: bool) -> HttpResponse:
    """Answer the last question of a polling page with htmx's stop."""
    if request.htmx and not runs:
        response.status_code = STOP_POLLING
    return response


def find_dataset(request: ActorRequest, dataset_id: UUID) -> Dataset:
    """Return a dataset of the actor's workspace, else 404."""
    mine = Dataset.objects.visible_to(request.actor).select_related("engagement")
    dataset: Dataset = get_object_or_404(mine, pk=dataset_id)
    return dataset


def _upload_page(
    request: ActorRequest, form: FileForm, *, title: str, back: str, dataset: Dataset | None = None
) -> HttpResponse:
    crumbs = [("Data", reverse("evaluations:dataset-list")), *([(dataset.name, back)] if dataset else [])]
    context = {
        "form": form,
        "largest": settings.UPLOAD_MAX_BYTES,
        "title": title,
        "back": back,
        "dataset": dataset,
        "crumbs": crumbs,
        "engagements": Engagement.objects.visible_to(request.actor).exists() if dataset is None else False,
    }
    status = 422 if form.is_bound else 200
    return render_page(request, "evaluations/dataset_upload.html", context, status=status)
