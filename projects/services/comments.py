"""Questions and remarks, by the workspace's people and by clients."""

from django.db import transaction

from projects.access import Actor
from projects.errors import DomainError
from projects.models import Comment, ShareLink
from projects.services.audit import record
from projects.services.guards import Limit, count_try

MOST_COMMENTS = Limit("comment", 30)  # by one link in five minutes


class CommentEmptyError(DomainError):
    """Raised when nothing was said."""

    code = "comment-empty"
    template = "The comment is empty. Write a sentence, then send it."


@transaction.atomic
def add_comment(
    *, subject: str, text: str, by: Actor, name: str = "", email: str = "", link: ShareLink | None = None
) -> Comment:
    """Add a comment on one row of the actor's workspace; reviewers and clients may comment too.

    Raises CommentEmptyError without a text, TooManyTriesError when a link floods.
    """
    if not text.strip():
        raise CommentEmptyError
    if link is not None:
        count_try(MOST_COMMENTS, subject=str(link.pk))
    comment = Comment.objects.create(
        workspace=by.workspace,
        subject=subject,
        text=text.strip()[:4000],
        author_name=(name or by.name or "Someone")[:120],
        author_email=email or (by.user.email if by.user else ""),
        user=by.user,
        link=link,
    )
    record(by=by, action="comment.added", target=comment, detail={"subject": subject})
    return comment
