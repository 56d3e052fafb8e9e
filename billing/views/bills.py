"""Bills: the upload box, the preview before the commit, what is stored."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing import dispatch, storage
from billing.forms.bills import MappingForm, ReadingForm, UploadForm, guess_columns
from billing.models import Bill, BillImport
from billing.queries.bills import bills_of, difference_of, imports_of
from billing.services import bills
from billing.views.sections import FORM_METHODS, UNUSABLE, show
from projects.currencies import EXPONENTS
from projects.errors import DomainError
from projects.filters import page_of
from projects.web import ActorRequest, member, writer

STOP_POLLING = 286  # htmx's own: swap this answer, then ask no more
MOST_HEADER_ROW = 30
WORKING = (BillImport.State.READING, BillImport.State.COMMITTING)


@require_GET
@member
def bill_list(request: ActorRequest) -> HttpResponse:
    """List what is stored, and the files that wait."""
    context = {
        "page": page_of(request, bills_of(request.actor)),
        "open_imports": imports_of(request.actor).filter(state__in=BillImport.OPEN)[:20],
        "past_imports": imports_of(request.actor).exclude(state__in=BillImport.OPEN)[:10],
    }
    return show(request, "bills", "bill_list", context)


@require_http_methods(FORM_METHODS)
@writer
def bill_new(request: ActorRequest) -> HttpResponse:
    """Take a bill in and start reading it."""
    posted = request.method == "POST"
    form = UploadForm(request.POST if posted else None, request.FILES if posted else None, actor=request.actor)
    if posted and form.is_valid():
        upload = form.cleaned_data["file"]
        wishes = {name: form.cleaned_data[name] for name in ("currency", "basis", "export", "mapping")}
        path = None
        try:
            path = storage.take_in(upload.chunks())
            source = dispatch.receive_bill(path=path, name=upload.name, by=request.actor, **wishes)
        except DomainError as error:
            form.add_error("file", str(error))
        else:
            return redirect("billing:bill-import", source.pk)
        finally:
            if path is not None:
                path.unlink(missing_ok=True)
    context = {"form": form, "currencies": sorted(EXPONENTS)}
    return show(request, "bills", "bill_new", context, status=UNUSABLE if form.is_bound else 200)


@require_GET
@member
def bill_import(request: ActorRequest, bill_import_id: UUID) -> HttpResponse:
    """Show what a file holds and what its commit would change; asks again while it is being read."""
    source = _import(request, bill_import_id)
    response = show(request, "bills", "bill_import", _import_context(request, source), partial="body")
    if request.htmx and request.headers.get("X-Poll") and source.state not in WORKING:
        response.status_code = STOP_POLLING
    return response


@require_POST
@writer
def bill_commit(request: ActorRequest, bill_import_id: UUID) -> HttpResponse:
    """Store a file that was read."""
    source = _import(request, bill_import_id)
    try:
        done = dispatch.commit_bill(source=source, by=request.actor, beside=bool(request.POST.get("beside")))
    except DomainError as error:
        messages.error(request, str(error))
    else:
        if done.state == BillImport.State.UNCHANGED:
            messages.success(request, "This very bill is stored already; nothing was changed.")
    return redirect("billing:bill-import", source.pk)


@require_POST
@writer
def bill_discard(request: ActorRequest, bill_import_id: UUID) -> HttpResponse:
    """Put a file away."""
    source = _import(request, bill_import_id)
    try:
        bills.discard_bill(source=source, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("billing:bill-import", source.pk)
    messages.success(request, f"“{source}” was discarded; nothing of it was stored.")
    return redirect("billing:bill-list")


@require_POST
@writer
def bill_read_again(request: ActorRequest, bill_import_id: UUID) -> HttpResponse:
    """Read a file anew, as a person corrected it."""
    source = _import(request, bill_import_id)
    form = ReadingForm(request.POST, actor=request.actor)
    if not form.is_valid():
        context = _import_context(request, source) | {"reading_form": form}
        return show(request, "bills", "bill_import", context, status=UNUSABLE)
    try:
        dispatch.read_again(source=source, by=request.actor, **form.cleaned_data)
    except DomainError as error:
        messages.error(request, str(error))
    return redirect("billing:bill-import", source.pk)


def _header_row(typed: str) -> int:
    known = typed.isascii() and typed.isdigit() and len(typed) < 3  # noqa: PLR2004  # rows
    return min(max(int(typed), 1), MOST_HEADER_ROW) if known else 1


@require_http_methods(FORM_METHODS)
@writer
def bill_mapping(request: ActorRequest, bill_import_id: UUID) -> HttpResponse:
    """Map the columns of a file that no format knows, save the mapping, and read the file by it."""
    source = _import(request, bill_import_id)
    at = _header_row(request.GET.get("header", ""))
    header = source.head[at - 1] if len(source.head) >= at else []
    initial = {"name": source.name.rsplit(".", 1)[0], **guess_columns(header)}
    form = MappingForm(request.POST or None, header=header, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            mapping = bills.save_mapping(name=form.cleaned_data["name"], body=form.body, by=request.actor)
            dispatch.read_again(source=source, by=request.actor, mapping=mapping)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return redirect("billing:bill-import", source.pk)
    context = {
        "form": form,
        "source": source,
        "header": header,
        "head": source.head[at : at + 6],
        "rows_above": list(enumerate((" · ".join(cell for cell in row if cell)[:90] for row in source.head[:8]), 1)),
        "at": at,
        "currencies": sorted(EXPONENTS),
    }
    return show(request, "bills", "bill_mapping", context, status=UNUSABLE if form.is_bound else 200)


@require_GET
@member
def bill_file(request: ActorRequest, bill_import_id: UUID) -> HttpResponseBase:
    """Hand out the original as it arrived."""
    source = _import(request, bill_import_id)
    try:
        stream = storage.open_original(source.workspace_id, source.sha256)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("billing:bill-import", source.pk)
    return FileResponse(stream, as_attachment=True, filename=source.name, content_type="application/octet-stream")


@require_POST
@writer
def bill_close(request: ActorRequest, bill_id: UUID) -> HttpResponse:
    """Close a period, so that nothing changes it any more."""
    bill = bills.close_bill(bill=_bill(request, bill_id), by=request.actor)
    messages.success(request, f"{bill} is closed: a newer file can no longer change it.")
    return redirect("billing:bill-list")


@require_POST
@writer
def bill_reopen(request: ActorRequest, bill_id: UUID) -> HttpResponse:
    """Open a closed period again."""
    bill = bills.reopen_bill(bill=_bill(request, bill_id), by=request.actor)
    messages.success(request, f"{bill} is open again.")
    return redirect("billing:bill-list")


def _import(request: ActorRequest, bill_import_id: UUID) -> BillImport:
    source: BillImport = get_object_or_404(imports_of(request.actor), pk=bill_import_id)
    return source


def _bill(request: ActorRequest, bill_id: UUID) -> Bill:
    bill: Bill = get_object_or_404(bills_of(request.actor), pk=bill_id)
    return bill


def _import_context(request: ActorRequest, source: BillImport) -> dict[str, Any]:
    is_ready = source.state == BillImport.State.READY
    found = difference_of(source) if is_ready else []
    return {
        "source": source,
        "working": source.state in WORKING,
        "difference": found,
        "stored_difference": source.difference,
        "writes": any(part.writes for part in found),
        "blocked": [part for part in found if part.state == "closed"],
        "beside": [part for part in found if part.beside],
        "preview": source.preview,
        "coverage": _coverage(source.preview),
        "reading_form": ReadingForm(instance=source, actor=request.actor),
        "currencies": sorted(EXPONENTS),
        "crumbs": [("Spend", reverse("billing:spend")), ("Bills", reverse("billing:bill-list"))],
    }


def _coverage(preview: dict[str, Any]) -> int | None:
    rows = preview.get("rows") or 0
    return round(preview.get("tagged_rows", 0) * 100 / rows) if rows else None
