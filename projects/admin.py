"""The operator's admin: looks at people and the trail, switches accounts off; everything else goes through pages.

It stands behind allauth's sign-in, so second factors and the counting of guesses hold here too.
"""

from typing import Any, cast

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from projects.models import ApiToken, AuditCheckpoint, AuditEntry, Membership, Schedule, User, Workspace
from projects.second_factor import has_second_factor
from projects.services import daily_tasks
from projects.services.audit import record


def change_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Lead to the page of the account, where guesses are counted and the change is recorded."""
    return redirect("account_change_password")


def owes_factor(request: HttpRequest) -> bool:
    """Say whether any workspace of the operator demands a second factor that they lack: it guards this door, too."""
    demanded = any(one.workspace.second_factor_required for one in getattr(request, "memberships", []))
    return demanded and not has_second_factor(cast("User", request.user))


enters, signs_in = admin.site.has_permission, secure_admin_login(admin.site.login)  # the latter is allauth's way


def has_permission(request: HttpRequest) -> bool:
    """Let in staff, with the second factor that they owe."""
    return enters(request) and not owes_factor(request)


def sign_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Lead to the site's sign-in, or to setting up a second factor."""
    if owes_factor(request):
        return redirect("projects:second-factor")
    answer: HttpResponse = signs_in(request, extra_context)
    return answer


admin.site.password_change = change_password  # type: ignore[assignment,method-assign]  # as allauth does with the sign-in
admin.site.has_permission = has_permission  # type: ignore[method-assign]
admin.site.login = sign_in  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Freelance ML, operator"
admin.site.index_title = "Accounts and audit trail"


class LookOnly(admin.ModelAdmin):
    """Shows rows and changes none: changes go through services, which check them and write the trail."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(User)
class UserAdmin(LookOnly):
    """Accounts: may be switched off and made staff."""

    list_display = ["email", "name", "is_active", "is_staff", "last_login"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login", "date_joined"]
    readonly_fields = ["email", "name", "last_login", "date_joined"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers switch accounts off."""
        return bool(getattr(request.user, "is_superuser", False))


@admin.register(Workspace)
class WorkspaceAdmin(LookOnly):
    """Workspaces by name."""

    list_display = ["name", "currency", "time_zone", "created_at"]
    search_fields = ["name"]


@admin.register(Membership)
class MembershipAdmin(LookOnly):
    """Who is where, as what."""

    list_display = ["user", "workspace", "role", "created_at"]
    list_select_related = ["user", "workspace"]


@admin.register(ApiToken)
class ApiTokenAdmin(LookOnly):
    """Tokens, without their digests."""

    list_display = ["name", "prefix", "user", "workspace", "expires_at", "last_used_at", "revoked_at"]
    list_select_related = ["user", "workspace"]
    fields = ["name", "prefix", "user", "workspace", "scopes", "expires_at", "last_used_at", "revoked_at"]


@admin.register(AuditEntry)
class AuditEntryAdmin(LookOnly):
    """The trail of every chain."""

    list_display = ["at", "chain", "sequence", "actor_name", "action", "target_label"]
    search_fields = ["action", "actor_name", "target_id"]


@admin.register(AuditCheckpoint)
class AuditCheckpointAdmin(LookOnly):
    """Signed ends of chains."""

    list_display = ["at", "chain", "sequence", "key_id"]


@admin.register(Schedule)
class DailyTaskAdmin(LookOnly):
    """What the installation repeats by itself: when next, how it ended; a superuser starts, pauses and resumes it."""

    list_display = ["name", "cadence", "next_at", "last_result", "enabled"]
    actions = ["start", "pause", "resume"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave out what belongs to a workspace."""
        return super().get_queryset(request).filter(workspace=None)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Let superusers act."""
        return bool(getattr(request.user, "is_superuser", False))

    @admin.display(description="last time")
    def last_result(self, task: Schedule) -> str:
        """Say how the newest job of the task ended."""
        job = daily_tasks.last_job(task)
        if job is None:
            return "never yet"
        return f"{job.get_state_display()}: {job.error_message}" if job.error_message else job.get_state_display()

    @admin.action(description="Start now", permissions=["operate"])
    def start(self, request: HttpRequest, tasks: Any) -> None:
        """Start the chosen tasks besides their rhythm."""
        for task in tasks:
            daily_tasks.start_now(task=task, operator=cast("User", request.user))

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request: HttpRequest, tasks: Any) -> None:
        """Pause the chosen tasks."""
        for task in tasks:
            daily_tasks.pause(task=task, operator=cast("User", request.user), paused=True)

    @admin.action(description="Let go on", permissions=["operate"])
    def resume(self, request: HttpRequest, tasks: Any) -> None:
        """Let the chosen tasks go on."""
        for task in tasks:
            daily_tasks.pause(task=task, operator=cast("User", request.user), paused=False)


@receiver(post_save, sender=LogEntry)
def on_admin_change(sender: Any, instance: LogEntry, created: bool, **rest: Any) -> None:  # noqa: FBT001  # Django's signal
    """Write what was done in the admin to the trail of the site."""
    if created:
        kind = f"{instance.content_type.app_label}.{instance.content_type.model}" if instance.content_type else ""
        detail = {"by": instance.user_id, "kind": kind, "row": instance.object_id, "flag": instance.action_flag}
        record(by=None, action="admin.changed", detail=detail)
