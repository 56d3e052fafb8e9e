"""The page parts of docs/design.md as template tags; each part's template says what it takes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django import forms, template
from django.core.paginator import Page
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import BoundField
from django.template import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from freelance_ml.charts import Chart, theme
from freelance_ml.evaluation_charts import evaluation_charts
from freelance_ml.gatebar import GateBar
from freelance_ml.icons import PATHS, SOLID
from freelance_ml.track import track_of
from projects.addresses import address
from projects.currencies import EXPONENTS
from projects.models import Milestone

register = template.Library()

TONES = {
    "good": "accepted paid done completed succeeded signed approved pass verified ready",
    "accent": "active in_progress submitted running sent invoiced issued viewed",
    "unsure": "changes_requested on_hold inconclusive waiting cancelling due_soon pending",
    "bad": "failed overdue declined fail refused",
}
TONE_OF = {status: tone for tone, statuses in TONES.items() for status in statuses.split()}
VERDICT_ICONS = {"pass": "check", "fail": "x", "inconclusive": "half", "none": "circle-dashed"}
NEAR = timedelta(days=6)
JSON_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}


def _part(name: str, **context: object) -> SafeString:
    return mark_safe(render_to_string(f"components/{name}.html", context))  # noqa: S308  rendered by Django, escaped there


def _trimmed(content: str) -> SafeString:
    return mark_safe(content.strip())  # noqa: S308  a block's content is rendered and escaped already


@register.simple_tag
@lru_cache(maxsize=1024)  # few different ones, drawn very often
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon; with a label it speaks for itself, without one it is hidden from screen readers."""
    solid = f'<path class="icon-solid" d="{SOLID[name]}"/>' if name in SOLID else ""
    shape = mark_safe(f'<path d="{PATHS[name]}"/>{solid}')  # noqa: S308  our own tables
    if label:
        return format_html('<svg class="icon" viewBox="0 0 24 24" role="img" aria-label="{}">{}</svg>', label, shape)
    return format_html('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', shape)


@register.simple_block_tag(takes_context=True)
def page_header(
    context: Context,
    content: str,
    title: str,
    *,
    lede: str = "",
    crumbs: Sequence[tuple[str, str]] = (),
    pill: str = "",
) -> SafeString:
    """Open a page: where it is, what it is, and its one primary action between the tags."""
    return _part("page_header", content=_trimmed(content), title=title, lede=lede, crumbs=crumbs, pill=pill)


@register.simple_block_tag
def next_step(content: str, text: str, *, who: str = "you") -> SafeString:
    """Say the one next step of a page and whose turn it is; its button stands between the tags."""
    return _part("next_step", content=_trimmed(content), text=text, who=who)


@register.simple_block_tag
def panel(
    content: str, title: str, *, tone: str = "plain", flush: bool = False, anchor: str = "", aside: str = ""
) -> SafeString:
    """Frame the content between {% panel %} and {% endpanel %} under a heading."""
    return _part("panel", content=content, title=title, tone=tone, flush=flush, anchor=anchor, aside=aside)


@register.simple_tag
@lru_cache(maxsize=1024)  # few different ones, drawn very often
def status_pill(status: str, label: str = "", *, tone: str = "") -> SafeString:
    """Show the state something is in now, in the glossary's word."""
    return _part(
        "status_pill",
        tone=tone or TONE_OF.get(status, "plain"),
        live=status == "running",
        label=label or status.replace("_", " ").capitalize(),
    )


@register.simple_tag
@lru_cache(maxsize=1024)  # few different ones, drawn very often
def verdict(value: str, *, large: bool = False) -> SafeString:
    """Show a verdict: icon, word and colour."""
    bar = GateBar(name="", threshold=0, verdict=value or "none")
    known = value if value in VERDICT_ICONS else "none"
    return _part("verdict", value=known, word=bar.word, icon=VERDICT_ICONS[known], large=large)


@register.simple_tag
def gate_bar(gate: GateBar | Mapping[str, Any] | None = None, **figures: Any) -> SafeString:
    """Draw one criterion on one line; takes a GateBar, its fields as a mapping, or as arguments."""
    return _gate_bar(gate if isinstance(gate, GateBar) else GateBar(**{**(gate or {}), **figures}))


@lru_cache(maxsize=256)
def _gate_bar(bar: GateBar) -> SafeString:
    return _part(
        "gate_bar",
        bar=bar,
        at={"estimate": bar.place(bar.estimate), "low": bar.place(bar.low), "high": bar.place(bar.high)},
        threshold=bar.place(bar.threshold),
        zone=bar.zone,
        figures={
            "estimate": bar.figure(bar.estimate),
            "low": bar.figure(bar.low),
            "high": bar.figure(bar.high),
            "threshold": bar.figure(bar.threshold),
        },
        has_interval=bar.low is not None and bar.high is not None,
    )


@register.simple_tag
def ledger_strip(ledger: Mapping[str, int | None], currency: str) -> SafeString:
    """Show an engagement's money: original + changes = revised · accepted · invoiced · paid · balance."""
    return _part("ledger_strip", ledger=ledger, currency=currency)


@register.simple_tag
def milestone_track(milestones: Iterable[Milestone]) -> SafeString:
    """Draw milestones as a line in time; those without a date are left out."""
    stops = tuple(
        (
            row.due_on,
            row.title,
            row.get_status_display().lower(),
            address("projects:milestone", row.pk),
            TONE_OF.get(row.status, "plain"),
        )
        for row in milestones
        if row.due_on and row.status != Milestone.Status.CANCELLED
    )
    return _track(stops, timezone.localdate())


@lru_cache(maxsize=256)
def _track(stops: tuple[tuple[date, str, str, str, str], ...], today: date) -> SafeString:
    return _part("track", track=track_of(stops, today=today))


@register.simple_tag(takes_context=True)
def sort_link(context: Context, key: str, label: str) -> SafeString:
    """Head a column with a link that sorts by it; a second click turns the order where there is one."""
    request = context["request"]
    now = request.GET.get("sort", "")
    query = request.GET.copy()
    query.pop("page", None)
    opposite = f"-{key}" if now == key else key
    query["sort"] = opposite if not key.startswith("-") else key
    arrow = {key: " ↑", f"-{key}": " ↓"}.get(now, "") if not key.startswith("-") else (" ↓" if now == key else "")
    return format_html('<a class="sort" href="?{}">{}{}</a>', query.urlencode(), label, arrow)


@register.simple_tag
def progress(
    done: float | None = None,
    total: float | None = None,
    *,
    phase: str = "",
    left: timedelta | float | None = None,
    label: str = "Progress",
) -> SafeString:
    """Show how far something is and how long it still takes; without a total it only moves."""
    share = None if not total or done is None else max(0.0, min(1.0, done / total))
    return _part(
        "progress",
        percent=None if share is None else round(share * 100),
        phase=phase,
        left=duration(left) if left is not None else "",
        label=label,
    )


@register.simple_block_tag
def empty_state(content: str, title: str, *, icon: str = "sparkles", level: int = 2) -> SafeString:
    """Say what belongs here and offer it; text and actions stand between the tags."""
    return _part("empty_state", content=_trimmed(content), title=title, icon=icon, level=level)


@register.simple_tag
def filter_chips(chips: Sequence[Mapping[str, Any]], label: str) -> SafeString:
    """Offer filters that live in the address."""
    return _part("filter_chips", chips=chips, label=label)


@register.simple_block_tag
def table(content: str, caption: str, *, folds: bool = True) -> SafeString:
    """Wrap the rows of a table; on a phone its rows fold to cards, or it scrolls in its own frame."""
    return _part("table", content=content, caption=caption, folds=folds)


@register.simple_tag
def timeline(entries: Sequence[Mapping[str, Any]], empty: str = "Nothing has happened yet.") -> SafeString:
    """Tell what happened, newest first."""
    return _part("timeline", entries=entries, empty=empty)


@register.simple_tag
def facts(items: Sequence[tuple[str, Any]]) -> SafeString:
    """List names and values; values that are empty are left out."""
    return _part("facts", items=[(name, value) for name, value in items if value not in ("", None)])


@register.simple_tag
def field(bound: BoundField, *, label: str = "", hint: str = "", optional: bool = True, rows: int = 0) -> SafeString:
    """Show a form's field with label, hint and errors beside it."""
    widget = bound.field.widget
    attrs: dict[str, Any] = {}
    if isinstance(widget, forms.CheckboxInput):
        kind = "check"
        attrs["class"] = "form-check-input"
    elif isinstance(widget, (forms.RadioSelect, forms.CheckboxSelectMultiple)):
        kind = "choices"
        attrs["class"] = "form-check-input"
    else:
        kind = "plain"
        attrs["class"] = "form-select" if isinstance(widget, forms.Select) else "form-control"
    if rows:
        attrs["rows"] = rows
    if bound.field.required and kind == "plain":
        attrs["required"] = True
    return _part(
        "field",
        bound=bound,
        kind=kind,
        control=bound.as_widget(attrs=attrs),
        label=label or bound.label,
        hint=hint or bound.help_text,
        optional=optional and not bound.field.required,
    )


@register.simple_tag
def form_errors(form: forms.BaseForm) -> SafeString:
    """Say on top of a form what stops it; errors of one field stand beside that field too."""
    return _part("form_errors", form=form, fields=[bound for bound in form if bound.errors])


@register.simple_block_tag
def notice(content: str, *, tone: str = "info") -> SafeString:
    """Say something beside the work: info, success, warning or error."""
    icons = {"info": "info-circle", "success": "circle-check", "warning": "alert-triangle", "error": "circle-x"}
    return _part("notice", content=content, tone=tone, icon=icons[tone])


@register.simple_tag
def copy_button(text: str, *, label: str = "Copy", shown: bool = True) -> SafeString:
    """Show a text with a button that copies it."""
    return _part("copy_button", text=text, label=label, shown=shown)


@register.simple_tag
def chart(chart: Chart, key: str = "1") -> SafeString:
    """Draw a chart with its words and figures; ``key`` tells several on a page apart."""
    block = {"spec": chart.spec, "light": theme(), "dark": theme(dark=True)}
    data = json.dumps(block, cls=DjangoJSONEncoder).translate(JSON_ESCAPES)
    return _part("chart", chart=chart, key=key, data=mark_safe(data))  # noqa: S308  no tag can end the data block


@register.simple_tag
def charts_of(curves: Mapping[str, Any] | None) -> SafeString:
    """Draw all charts of an evaluation from the engine's plain data."""
    drawn = [chart(found, key=f"evaluation-{i}") for i, found in enumerate(evaluation_charts(curves or {}))]
    return format_html('<div class="chart-grid">{}</div>', mark_safe("".join(drawn)))  # noqa: S308  rendered by Django


@register.filter
def figure(value: object) -> str:
    """Write a figure of a table: numbers with at most four digits that matter, the rest as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _decimals(value: float) -> int:
    """Count the decimals of a measure: four below 10, and one fewer for each further digit."""
    return max(0, 4 - len(f"{abs(value):.0f}") + 1)


@register.filter
def measured(value: float | None) -> str:
    """Write a measure with as many decimals as others of its size, so that columns of them line up."""
    return "–" if value is None else f"{value:,.{_decimals(value)}f}"


@register.filter
def bounds(interval: Mapping[str, float | None], value: float) -> str:
    """Write the interval of a measure with the measure's decimals."""
    low, high = interval.get("low"), interval.get("high")
    if low is None or high is None:
        return "–"
    digits = _decimals(value)
    return f"[{low:,.{digits}f}, {high:,.{digits}f}]"


@register.simple_tag(takes_context=True)
def pager(context: Context, page: Page) -> SafeString:
    """Offer the pages before and after, keeping the filters of the address."""
    request = context["request"]

    def link(number: int) -> str:
        query = request.GET.copy()
        query["page"] = str(number)
        return f"?{query.urlencode()}"

    return _part(
        "pager",
        page=page,
        earlier=link(page.previous_page_number()) if page.has_previous() else "",
        later=link(page.next_page_number()) if page.has_next() else "",
    )


@register.simple_tag(takes_context=True)
def toasts(context: Context, *, oob: bool = False) -> SafeString:
    """Show what the last request had to say; ``oob`` puts it into a page that htmx changes in part."""
    return _part("toasts", messages=context.get("messages") or [], oob=oob)


@register.simple_tag
def avatar(name: str) -> SafeString:
    """Show a person's initials."""
    words = str(name).replace("@", " ").split()
    initials = "".join(word[0] for word in words[:2] if word[0].isalnum()).upper() or "?"
    return format_html('<span class="avatar-mark" aria-hidden="true">{}</span>', initials)


@register.simple_tag
@lru_cache(maxsize=4096)
def money(minor: int | None, currency: str) -> SafeString:
    """Write an amount given in minor units, with its code small."""
    if minor is None:
        return mark_safe("–")
    places = EXPONENTS.get(currency, 2)
    amount = Decimal(minor).scaleb(-places)
    sign = "−" if amount < 0 else ""
    return format_html('{}{} <span class="unit">{}</span>', sign, f"{abs(amount):,.{places}f}", currency)


@register.simple_tag
def when(moment: date | datetime | None, *, empty: str = "–", inside: bool = False) -> SafeString:
    """Write a date or a moment, with the weekday when near, in the reader's zone; ``inside`` a sentence."""
    if moment is None:
        return format_html('<span class="quiet">{}</span>', empty)
    zone = timezone.get_current_timezone()
    today = datetime.now(zone).date()
    # Two moments of different zones are equal, and written in different ways: the key holds the moment as written.
    return _when(moment.isoformat(), today, zone if isinstance(moment, datetime) else None, inside=inside)


@lru_cache(maxsize=4096)
def _when(written: str, today: date, zone: tzinfo | None, *, inside: bool) -> SafeString:
    if zone is not None:
        moment = datetime.fromisoformat(written)
        local = moment.astimezone(zone)
        text = f"{_day(local.date(), today, inside=inside)}, {local:%H:%M}"
        return format_html(
            '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), f"{local:%-d %B %Y, %H:%M %Z}", text
        )
    day = date.fromisoformat(written)
    text = _day(day, today, inside=inside)
    return format_html('<time datetime="{}" title="{}">{}</time>', written, f"{day:%-d %B %Y}", text)


def _day(day: date, today: date, *, inside: bool) -> str:
    named = {0: "Today", 1: "Tomorrow", -1: "Yesterday"}.get((day - today).days)
    if named:
        return named.lower() if inside else named
    if abs(day - today) <= NEAR:
        return f"{day:%a %-d %b}"
    return f"{day:%-d %b}" if day.year == today.year else f"{day:%-d %b %Y}"


@register.filter
def duration(length: timedelta | float | None) -> str:
    """Write a length of time in its two largest units."""
    if length is None:
        return "–"
    seconds = int(length.total_seconds() if isinstance(length, timedelta) else length)
    if seconds < 1:
        return "under 1 s"
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    shown = [f"{count} {unit}" for count, unit in parts if count][:2]
    return " ".join(shown)


@register.filter
def filesize(size: int | None) -> str:
    """Write a number of bytes in binary units."""
    if size is None:
        return "–"
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:  # noqa: PLR2004  one binary step
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"
