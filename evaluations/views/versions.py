"""Pages of one version of a dataset: how it was read, what is wrong with it, and its corrections."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluations import dispatch
from evaluations.forms.datasets import MOST_OFFERED, TYPE_NAMES, TYPES, ReadingForm, TargetForm
from evaluations.models import Dataset, DatasetVersion
from evaluations.queries.datasets import (
    ColumnSketch,
    Share,
    audit_job,
    column_names,
    columns_of,
    correlation_of,
    findings_of,
    merged,
    sketch,
    versions_of,
)
from evaluations.queries.steps import of_data
from evaluations.services import datasets
from evaluations.storage import DATA
from evaluations.views.datasets import find_dataset, or_stop, to_reading
from projects.errors import DomainError
from projects.filters import page_of, search_words
from projects.storage import read_blocks
from projects.web import ActorRequest, member, render_page, writer

COLUMNS_PER_PAGE = 50
PREVIEW_COLUMNS = 40
PREVIEW_ROWS = 8
FINDINGS_SHOWN = 60


@require_GET
@member
def dataset_page(request: ActorRequest, dataset_id: UUID) -> HttpResponse:
    """Show a dataset's newest version."""
    dataset = find_dataset(request, dataset_id)
    version = dataset.versions.select_related("original", "job").first()
    if version is not None:
        version.dataset = dataset  # saves a query
    return _version_page(request, dataset, version)


@require_GET
@member
def version_page(request: ActorRequest, dataset_version_id: UUID) -> HttpResponse:
    """Show one version of a dataset."""
    version = _version(request, dataset_version_id)
    return _version_page(request, version.dataset, version)


@require_GET
@member
def version_original(request: ActorRequest, dataset_version_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """Hand out the file as it arrived, always as a download."""
    version = _version(request, dataset_version_id)
    if version.original is None:
        messages.info(request, "The file is not stored yet. It can be downloaded once it has been read.")
        return redirect("evaluations:dataset-version", version.pk)
    address = DATA.address_of(request.actor.workspace.pk, version.original.sha256)
    response = StreamingHttpResponse(read_blocks(address), content_type="application/octet-stream")
    response["Content-Length"] = str(version.original.size)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=version.file_name) or ""
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@writer
def version_delete(request: ActorRequest, dataset_version_id: UUID) -> HttpResponse:
    """Delete a version that nothing rests on, with its files."""
    version = _version(request, dataset_version_id)
    dataset, words = version.dataset, str(version)
    try:
        all_gone = datasets.delete_version(version=version, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("evaluations:dataset-version", version.pk)
    messages.success(request, f"“{words}” and its files are deleted.")
    return redirect("evaluations:dataset-list") if all_gone else redirect("evaluations:dataset", dataset.pk)


# --- correcting -------------------------------------------------------------------------------------
@require_POST
@writer
def version_answer(request: ActorRequest, dataset_version_id: UUID) -> HttpResponse:
    """Answer what the reading asked, or take a choice that a finding offers; then read again."""
    version = _version(request, dataset_version_id)
    options: dict[str, Any] = dict(version.options)
    answered = 0
    for asked, items in (("question", "questions"), ("finding", "findings")):
        for place, item in enumerate(version.report.get(items, [])):
            answer = _choice(item, request.POST.get(f"{asked}-{place}", ""))
            if answer is not None:
                options, answered = merged(options, answer), answered + 1
    if not answered:
        messages.error(request, "Choose an answer first; nothing was changed.")
        return redirect("evaluations:dataset-version", version.pk)
    return _read_again(request, version, options)


@require_POST
@writer
def version_types(request: ActorRequest, dataset_version_id: UUID) -> HttpResponse:
    """Read chosen columns as another type; "" takes a correction back."""
    version = _version(request, dataset_version_id)
    names = [column["name"] for column in version.report.get("columns", [])]
    types = dict(version.options.get("types", {}))
    known = {kind for kind, _ in TYPES}
    for key, kind in request.POST.items():
        place = key.removeprefix("type-")
        if key == place or not place.isdecimal() or int(place) >= len(names):
            continue
        if kind in known:
            types[names[int(place)]] = kind
        elif not kind:
            types.pop(names[int(place)], None)
    if types == version.options.get("types", {}):
        messages.info(request, "No type was changed, so nothing was read again.")
        return redirect("evaluations:dataset-version", version.pk)
    return _read_again(request, version, {**version.options, "types": types})


@require_http_methods(["GET", "POST"])
@writer
def version_reading(request: ActorRequest, dataset_version_id: UUID) -> HttpResponse:
    """Say how the file is to be read; then read it again."""
    version = _version(request, dataset_version_id)
    form = ReadingForm(request.POST or None, initial=ReadingForm.initial_of(version.options))
    if request.method == "POST" and form.is_valid():
        unclear = [
            name
            for question in version.report.get("questions", [])
            if question["code"] == "date_order"
            for name in question.get("columns", [])
        ]
        unclear += [n for n, kind in version.options.get("types", {}).items() if kind in ("day_first", "month_first")]
        return _read_again(request, version, form.options(version.options, unclear))
    back = reverse("evaluations:dataset-version", args=[version.pk])
    crumbs = [("Data", reverse("evaluations:dataset-list")), (version.dataset.name, back)]
    context = {"form": form, "version": version, "back": back, "crumbs": crumbs, "report": version.report}
    status = 422 if form.is_bound else 200
    return render_page(request, "evaluations/dataset_options.html", context, partial="form", status=status)


@require_POST
@writer
def version_target(request: ActorRequest, dataset_version_id: UUID) -> HttpResponse:
    """Say what is to be predicted; then look for what would spoil it."""
    version = _version(request, dataset_version_id)
    names = column_names(version)
    form = TargetForm(request.POST, names=names)
    if not form.is_valid():
        return _version_page(request, version.dataset, version, target_form=form, status=422)
    question = {key: value for key, value in form.cleaned_data.items() if value}
    try:
        dispatch.audit_version(version=version, by=request.actor, question=question)
    except DomainError as error:
        messages.error(request, str(error))
    return redirect(reverse("evaluations:dataset-version", args=[version.pk]) + "#findings")


@require_GET
@member
def version_findings(request: ActorRequest, dataset_version_id: UUID) -> HttpResponse:
    """Show what is wrong with a version; htmx asks again until an audit is over."""
    version = _version(request, dataset_version_id)
    if not request.htmx:
        return redirect("evaluations:dataset-version", version.pk)
    context = _findings_context(request, version)
    response = render_page(request, "evaluations/dataset_findings.html", context)
    if not context["audit_runs"]:
        response["HX-Refresh"] = "true"  # the next step and the column's shares changed with it
    return or_stop(request, response, runs=context["audit_runs"])


def _version_page(
    request: ActorRequest,
    dataset: Dataset,
    version: DatasetVersion | None,
    *,
    target_form: TargetForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "dataset": dataset,
        "version": version,
        "versions": versions_of(dataset),
        "today": timezone.localdate(),
        "crumbs": _crumbs(dataset),
    }
    if version is not None:
        context |= {"lede": _lede(version), **_reading_context(version)}
        if version.state == DatasetVersion.State.READY:
            context |= _ready_context(request, version, target_form)
        elif version.state == DatasetVersion.State.READING:
            context["job"] = version.job
    return render_page(request, "evaluations/dataset_page.html", context, partial="columns", status=status)


def _crumbs(dataset: Dataset) -> list[tuple[str, str]]:
    crumbs = [("Data", reverse("evaluations:dataset-list"))]
    if dataset.engagement is not None:
        crumbs.append((dataset.engagement.title, reverse("projects:engagement", args=[dataset.engagement.pk])))
    return crumbs


def _lede(version: DatasetVersion) -> str:
    size = f"{version.rows:,} rows × {version.column_count:,} columns, " if version.rows is not None else ""
    return f"{size}version {version.number} from {version.file_name}"


def _reading_context(version: DatasetVersion) -> dict[str, Any]:
    """Say how the file was read: heads with types for the preview, and the rows."""
    report, types = version.report, version.options.get("types", {})
    columns = report.get("columns", [])[:PREVIEW_COLUMNS]
    heads = [
        {
            "place": place,
            "name": column["name"],
            "found": TYPE_NAMES.get(column["type"], column["type"]),
            "why": column.get("why", ""),
            "chosen": types.get(column["name"], ""),
            "numeric": column["type"] in ("integer", "number"),
        }
        for place, column in enumerate(columns)
    ]
    return {
        "report": report,
        "heads": heads,
        "preview": [list(zip(heads, row, strict=False)) for row in report.get("preview", [])[:PREVIEW_ROWS]],
        "more_columns": max(0, len(report.get("columns", [])) - len(heads)),
        "types": TYPES,
        "single": len(report.get("questions", [])) == 1,
    }


def _ready_context(request: ActorRequest, version: DatasetVersion, target_form: TargetForm | None) -> dict[str, Any]:
    """Say what a version that has been read holds."""
    words = search_words(request)
    names = column_names(version)
    used_by = version.protocols.select_related("milestone").order_by("-pk").first()  # the newest
    page = page_of(request, columns_of(version, text=words), COLUMNS_PER_PAGE)
    page.object_list = [sketch(column) for column in page.object_list]
    found = _findings_context(request, version)
    target = version.dataset.target if version.dataset.target in names else ""
    asked = found["audit"].arguments.get("question", {}) if found["audit_runs"] else {"target": target}
    return {
        **found,
        "page": page,
        "words": words,
        "correlation": correlation_of(version.profile),
        "target": target,
        "target_shares": _shares_of(version, target, page.object_list),
        "target_form": target_form or TargetForm(initial=asked, names=names),
        "column_names": names if len(names) > MOST_OFFERED else [],
        "in_use": used_by is not None,
        "step": None if found["audit_runs"] else of_data(version, target=target, used_by=used_by),
        "type_names": TYPE_NAMES,
    }


def _shares_of(version: DatasetVersion, name: str, listed: list[ColumnSketch]) -> list[Share]:
    """Give the shares of a column’s values, whether or not the page of columns lists it."""
    found = next((row for row in listed if row.column.name == name), None)
    if found is None and name and (column := columns_of(version).filter(name=name).first()):
        found = sketch(column)
    return found.shares if found else []


def _findings_context(request: ActorRequest, version: DatasetVersion) -> dict[str, Any]:
    found = findings_of(version)
    job = audit_job(request.actor, version)
    return {
        "version": version,
        "dataset": version.dataset,
        "findings": found[:FINDINGS_SHOWN],
        "more_findings": max(0, len(found) - FINDINGS_SHOWN),
        "audit": job,
        "audit_runs": job is not None and not job.is_over,
    }


def _choice(item: dict[str, Any], wished: str) -> dict[str, Any] | None:
    """Return the options of a chosen answer; None if there is no such choice."""
    choices = item.get("choices", [])
    if not wished.isdecimal() or int(wished) >= len(choices):
        return None
    options: dict[str, Any] = choices[int(wished)]["options"]
    return options


def _read_again(request: ActorRequest, version: DatasetVersion, options: dict[str, Any]) -> HttpResponse:
    try:
        changed = dispatch.read_again(version=version, options=options, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("evaluations:dataset-version", version.pk)
    return to_reading(changed)


def _version(request: ActorRequest, dataset_version_id: UUID) -> DatasetVersion:
    mine = DatasetVersion.objects.visible_to(request.actor).select_related("dataset__engagement", "original", "job")
    version: DatasetVersion = get_object_or_404(mine, pk=dataset_version_id)
    return version
