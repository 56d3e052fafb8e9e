"""Questions and remarks, by the workspace's people and by clients."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from projects.access import Actor
from projects.errors import DomainError
from projects.models import Comment, ShareLink
from projects.services.audit import record
from projects.services.guards import Limit, count_try

MOST_COMMENTS = Limit("comment", 30)  # by one link in five minutes
MOST_OF_LINK = 200  # as long as it lasts
MOST_A_DAY = 500  # by all links of a workspace


class CommentEmptyError(DomainError):
    """Raised when nothing was said."""

    code = "comment-empty"
    template = "The comment is empty. Write a sentence, then send it."


class CommentsFullError(DomainError):
    """Raised when a link, or all links of a workspace, have brought as many comments as are taken."""

    code = "comments-full"
    template = "No more remarks are taken here by link. Answer the person who sent you the link by mail."


@transaction.atomic
def add_comment(
    *, subject: str, text: str, by: Actor, name: str = "", email: str = "", link: ShareLink | None = None
) -> Comment:
    """Add a comment on one row of the actor's workspace; reviewers and clients may comment too.

    Raises CommentEmptyError without a text, TooManyTriesError when a link floods, CommentsFullError when it has
    brought enough.
    """
    if not text.strip():
        raise CommentEmptyError
    if link is not None:
        _must_have_room(link)
        count_try(MOST_COMMENTS, subject=str(link.pk))
    person = by.user.name if by.user else by.name  # not the token's name, of which clients know nothing
    comment = Comment.objects.create(
        workspace=by.workspace,
        subject=subject,
        text=text.strip()[:4000],
        author_name=(name or person or "Someone")[:120],
        author_email=email or (by.user.email if by.user else ""),
        user=by.user,
        link=link,
    )
    record(by=by, action="comment.added", target=comment, detail={"subject": subject})
    return comment


def _must_have_room(link: ShareLink) -> None:
    """Hold the link, so that many remarks at once are counted one after another."""
    ShareLink.objects.select_for_update().get(pk=link.pk)
    if link.comments.count() >= MOST_OF_LINK:
        raise CommentsFullError
    lately = Comment.objects.in_workspace(link.workspace).filter(
        link__isnull=False, created_at__gt=timezone.now() - timedelta(days=1)
    )
    if lately.count() >= MOST_A_DAY:
        raise CommentsFullError
