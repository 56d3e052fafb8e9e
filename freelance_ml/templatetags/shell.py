"""The frame around every page: the same for a person from page to page, so drawn once and kept."""

import secrets
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from freelance_ml.context import lines

register = template.Library()

KEPT = 256
# What differs with each request stands in what is kept as a mark, which nobody outside can know.
TOKEN, HERE = f"token-{secrets.token_hex(16)}", f"here-{secrets.token_hex(16)}"


class Frame(NamedTuple):
    """All that the parts of the frame are drawn from."""

    theme: str
    workspace: tuple[str, str] = ("", "")  # id and name
    person: tuple[str, str] = ("", "")  # name and e-mail address
    current: tuple[bool, ...] = ()  # which lines of the menu the page belongs to
    memberships: tuple[tuple[str, str, str], ...] = ()  # id, name, role


@register.simple_tag(takes_context=True)
def frame(context: Context, part: str) -> SafeString:
    """Draw a part of the frame: templates/frame/<part>.html."""
    known = context.render_context.get("frame")
    if known is None:
        known = context.render_context["frame"] = _frame_of(context)
    drawn = _drawn(part, known)
    if TOKEN in drawn:
        drawn = drawn.replace(TOKEN, escape(context["csrf_token"]))
        drawn = drawn.replace(HERE, escape(context["request"].get_full_path()))
    return mark_safe(drawn)  # noqa: S308  rendered by Django, what was put in is escaped


def _frame_of(context: Context) -> Frame:
    actor = context.get("actor")
    if not actor:
        return Frame(str(context.get("theme", "system")))
    return Frame(
        context["theme"],
        (str(actor.workspace.pk), actor.workspace.name),
        (actor.name, actor.user.email if actor.user else ""),
        tuple(entry["current"] for entry in context["menu"]),
        tuple((str(one.workspace_id), one.workspace.name, one.get_role_display()) for one in context["memberships"]),
    )


@lru_cache(maxsize=KEPT)
def _drawn(part: str, frame: Frame) -> str:
    """Draw from the frame's values alone: the same values make the same text."""
    workspace = SimpleNamespace(pk=frame.workspace[0], name=frame.workspace[1])
    menu = [
        {"label": entry.label, "url": url, "icon": entry.icon, "current": current}
        for (entry, url), current in zip(lines(), frame.current, strict=False)
    ]
    values: dict[str, Any] = {
        "theme": frame.theme,
        "actor": SimpleNamespace(workspace=workspace, name=frame.person[0], user={"email": frame.person[1]}),
        "menu": menu,
        "memberships": [
            {"workspace_id": id_, "workspace": {"name": name}, "get_role_display": role}
            for id_, name, role in frame.memberships
        ],
        "csrf_token": TOKEN,
        "request": {"get_full_path": HERE},
    }
    return render_to_string(f"frame/{part}.html", values)
