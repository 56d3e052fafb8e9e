"""Addresses of the projects pages."""

from django.urls import URLPattern, URLResolver, path

from projects.views import share_links, shares

app_name = "projects"
urlpatterns: list[URLPattern | URLResolver] = [
    path("robots.txt", shares.robots, name="robots"),
    path("s/<uuid:link_id>/", shares.share_room, name="share-room"),
    path("s/<uuid:link_id>/comments/", shares.share_comment, name="share-comment"),
    path("s/<uuid:link_id>/<path:rest>", shares.share_room, name="share-part"),
    path("s/<slug:token>/", shares.share_door, name="share-door"),
    path("shares/<uuid:link_id>/revoke/", share_links.share_revoke, name="share-revoke"),
    path("shares/<slug:purpose>/<uuid:subject_id>/", share_links.share_links, name="share-links"),
    path("comments/<slug:purpose>/<uuid:subject_id>/", share_links.comment_create, name="comment-create"),
]
