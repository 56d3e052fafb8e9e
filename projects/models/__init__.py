"""The tables of the ground, one file a noun."""

from projects.models.audit import AuditCheckpoint, AuditEntry, AuditHead
from projects.models.change_orders import ChangeOrder
from projects.models.clients import Client, Contact
from projects.models.comments import Comment
from projects.models.decisions import Decision
from projects.models.engagements import Engagement
from projects.models.guards import Guard
from projects.models.idempotency import IdempotencyKey
from projects.models.jobs import Job, JobLogLine, Pulse, Schedule
from projects.models.milestones import Milestone
from projects.models.outbox import Mail
from projects.models.people import ApiToken, Invitation, Membership, User, Workspace
from projects.models.scopes import ScopeVersion
from projects.models.shares import ShareLink, ShareSession, ShareView

__all__ = [
    "ApiToken",
    "AuditCheckpoint",
    "AuditEntry",
    "AuditHead",
    "ChangeOrder",
    "Client",
    "Comment",
    "Contact",
    "Decision",
    "Engagement",
    "Guard",
    "IdempotencyKey",
    "Invitation",
    "Job",
    "JobLogLine",
    "Mail",
    "Membership",
    "Milestone",
    "Pulse",
    "Schedule",
    "ScopeVersion",
    "ShareLink",
    "ShareSession",
    "ShareView",
    "User",
    "Workspace",
]
