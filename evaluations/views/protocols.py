"""Pages of protocols: written with its consequences beside it, frozen, and read ever after."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from evaluations import dispatch
from evaluations.forms.protocols import ProtocolForm
from evaluations.models import Protocol, StoredFile
from evaluations.queries.protocols import changes_since, look_budget, looks_left, outlook, starting_terms
from evaluations.queries.runs import trainings_of
from evaluations.queries.steps import of_protocol
from evaluations.services import protocols, runs
from evaluations.storage import DATA
from projects.errors import DomainError
from projects.models import Milestone
from projects.storage import read_blocks
from projects.web import ActorRequest, member, render_page, writer

KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@require_POST
@writer
def protocol_start(request: ActorRequest, milestone_id: UUID) -> HttpResponse:
    """Open a milestone's draft; begin one where there is none."""
    milestone = get_object_or_404(Milestone.objects.visible_to(request.actor), pk=milestone_id)
    draft = protocols.draft_protocol(milestone=milestone, by=request.actor)
    return redirect("evaluations:protocol", draft.pk)


@require_GET
@member
def protocol_page(request: ActorRequest, protocol_id: UUID) -> HttpResponse:
    """Show a protocol: an editor while it is a draft, a document once it is frozen."""
    protocol = find_protocol(request, protocol_id)
    if request.headers.get("X-Poll"):
        return poll(request, protocol.state != Protocol.State.DRAWING, {"job": protocol.job, "here": request.path})
    if protocol.state in {Protocol.State.FROZEN, Protocol.State.SUPERSEDED}:
        return _frozen_page(request, protocol)
    if protocol.state == Protocol.State.DRAFT and request.actor.may_write:
        if not protocol.body:
            protocol.body = starting_terms(protocol.dataset_version)
        return _editor(request, protocol, _form(request, protocol))
    context = {
        "protocol": protocol,
        "title": f"Protocol {protocol.number}",
        "job": protocol.job,
        "here": request.path,
        "crumbs": crumbs_of(protocol),
    }
    return render_page(request, "evaluations/protocol_waits.html", context)


@require_POST
@writer
def protocol_edit(request: ActorRequest, protocol_id: UUID) -> HttpResponse:
    """Keep a draft as it is typed; htmx gets what follows from it, or the whole editor where fields changed."""
    protocol = find_protocol(request, protocol_id)
    try:
        protocol = _keep(request, protocol, _form(request, protocol, typed=True))
    except DomainError as error:
        messages.error(request, str(error))
        return _away(request, protocol)
    if not request.htmx:
        messages.success(request, "The draft is kept.")
        return redirect("evaluations:protocol", protocol.pk)
    form = _form(request, protocol)
    wanted = {"whole", "add_gate", "remove_gate"} & set(request.POST)
    partial = "editor" if wanted else "outlook"
    return _editor(request, protocol, form, partial=partial, new_gate="add_gate" in request.POST)


@require_POST
@writer
def protocol_freeze(request: ActorRequest, protocol_id: UUID) -> HttpResponse:
    """Freeze a draft: check it against its rows and have the acceptance rows set aside."""
    protocol = find_protocol(request, protocol_id)
    form = _form(request, protocol, typed=True)
    try:
        protocol = _keep(request, protocol, form)
        dispatch.freeze_protocol(protocol=protocol, by=request.actor)
    except DomainError as error:
        if protocol.state != Protocol.State.DRAFT:
            messages.error(request, str(error))
            return _away(request, protocol)
        form = _form(request, protocol, typed=True)
        form.is_valid()
        form.show(outlook(protocol).problems)
        if error.code == "protocol-invalid" and protocol.number > 1 and not form.cleaned_data.get("reason", "").strip():
            form.add_error("reason", "Say why the protocol changes; the client reads it.")
        if not form.errors and not any(gate.errors for gate in form.gates):
            form.add_error(None, str(error))
        return _editor(request, protocol, form, status=422)
    return redirect("evaluations:protocol", protocol.pk)


@require_POST
@writer
def protocol_close(request: ActorRequest, protocol_id: UUID) -> HttpResponse:
    """Give up the spare looks, so that the details of those taken can be read."""
    protocol = find_protocol(request, protocol_id)
    try:
        runs.close_looks(protocol=protocol, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The spare looks are given up; the details are open.")
    return redirect("projects:milestone", protocol.milestone_id)


@require_GET
@member
def protocol_rows(request: ActorRequest, protocol_id: UUID, form: str) -> HttpResponseBase:
    """Download the acceptance rows without the target, for those who predict elsewhere."""
    protocol = find_protocol(request, protocol_id)
    aside = getattr(protocol, "acceptance_set", None)
    if aside is None or form not in KINDS:
        raise Http404
    file: StoredFile | None = aside.features_csv if form == "csv" else aside.features
    if file is None:
        raise Http404
    blocks = read_blocks(DATA.address_of(file.workspace_id, file.sha256))
    response = StreamingHttpResponse(blocks, content_type=KINDS[form])
    response["Content-Disposition"] = f'attachment; filename="rows-to-predict-protocol-{protocol.number}.{form}"'
    return response


def find_protocol(request: ActorRequest, protocol_id: UUID) -> Protocol:
    """Return a protocol of the actor's workspace, else 404."""
    mine = Protocol.objects.visible_to(request.actor).select_related(
        "milestone__engagement__client__workspace", "dataset_version__dataset", "dataset_version__table", "job"
    )
    protocol: Protocol = get_object_or_404(mine, pk=protocol_id)
    return protocol


def crumbs_of(protocol: Protocol, *, inside: bool = False) -> list[tuple[str, str]]:
    """Name the way up from a protocol's page, or from a page below it."""
    milestone = protocol.milestone
    here = [(f"Protocol {protocol.number}", reverse("evaluations:protocol", args=[protocol.pk]))] if inside else []
    return [
        (milestone.engagement.title, reverse("projects:engagement", args=[milestone.engagement_id])),
        (milestone.title, reverse("projects:milestone", args=[milestone.pk])),
        *here,
    ]


def poll(request: ActorRequest, over: bool, context: dict[str, Any]) -> HttpResponse:  # noqa: FBT001  # one thing asked
    """Answer a page that waits: how far the work is, or that the page is to be loaded anew."""
    response = render_page(request, "evaluations/job_waits.html", context)
    if over:
        response["HX-Refresh"] = "true"
    return response


def _form(request: ActorRequest, protocol: Protocol, *, typed: bool = False) -> ProtocolForm:
    address = reverse("evaluations:protocol-edit", args=[protocol.pk])
    return ProtocolForm(request.POST if typed else None, protocol=protocol, actor=request.actor, address=address)


def _keep(request: ActorRequest, protocol: Protocol, form: ProtocolForm) -> Protocol:
    """Store what was typed, with a gate added or removed where that was asked."""
    body = form.body()
    if "add_gate" in request.POST:
        first = body["gates"][0] if body["gates"] else {"metric": "accuracy", "direction": "at_least"}
        body["gates"].append({"metric": first["metric"], "direction": first["direction"], "primary": True})
    removed = request.POST.get("remove_gate", "")
    if removed.isdecimal() and int(removed) < len(body["gates"]):
        del body["gates"][int(removed)]
    version = form.cleaned_data.get("dataset_version")
    if version is not None and version.pk != protocol.dataset_version_id and not protocol.body.get("target"):
        body = {**body, **starting_terms(version)}
    return protocols.edit_protocol(
        protocol=protocol,
        body=body,
        dataset_version=version,
        reason=form.cleaned_data.get("reason", ""),
        by=request.actor,
    )


def _editor(
    request: ActorRequest,
    protocol: Protocol,
    form: ProtocolForm,
    *,
    partial: str | None = None,
    status: int = 200,
    new_gate: bool = False,
) -> HttpResponse:
    earlier = protocol.milestone.protocols.filter(number__lt=protocol.number).order_by("-number").first()
    context = {
        "protocol": protocol,
        "form": form,
        "outlook": outlook(protocol),
        "earlier": earlier,
        "since": f"Changed since version {earlier.number}" if earlier else "",
        "changes": changes_since(protocol, earlier),
        "new_gate": new_gate,
        "kept": partial is not None,
        "crumbs": crumbs_of(protocol),
    }
    return render_page(request, "evaluations/protocol_editor.html", context, partial=partial, status=status)


def _frozen_page(request: ActorRequest, protocol: Protocol) -> HttpResponse:
    earlier = protocol.milestone.protocols.filter(number__lt=protocol.number).order_by("-number").first()
    looks = list(protocol.looks.select_related("run__model", "run__predictions"))
    context = {
        "protocol": protocol,
        "title": f"Protocol {protocol.number}",
        "step": of_protocol(protocol, looks=looks, training=next(iter(trainings_of(protocol.pk)), None)),
        "terms": protocol.body["terms"],
        "looks": looks,
        "left": looks_left(protocol, len(looks)),
        "budget": look_budget(protocol),
        "earlier": earlier,
        "since": f"Changed since version {earlier.number}" if earlier else "",
        "changes": changes_since(protocol, earlier),
        "in_force": protocol.state == Protocol.State.FROZEN,
        "crumbs": crumbs_of(protocol),
    }
    return render_page(request, "evaluations/protocol_page.html", context)


def _away(request: ActorRequest, protocol: Protocol) -> HttpResponse:
    """Lead to the protocol as it stands; htmx loads the page anew."""
    if not request.htmx:
        return redirect("evaluations:protocol", protocol.pk)
    response = HttpResponse()
    response["HX-Redirect"] = reverse("evaluations:protocol", args=[protocol.pk])
    return response
