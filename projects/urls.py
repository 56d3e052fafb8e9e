"""Addresses of the projects pages."""

from django.urls import URLPattern, URLResolver, path

from projects.views import clients, engagements, jobs, milestones, people, share_links, shares

app_name = "projects"
urlpatterns: list[URLPattern | URLResolver] = [
    path("clients/", clients.client_list, name="client-list"),
    path("clients/new/", clients.client_new, name="client-new"),
    path("clients/<uuid:client_id>/", clients.client_page, name="client"),
    path("clients/<uuid:client_id>/edit/", clients.client_edit, name="client-edit"),
    path("clients/<uuid:client_id>/archive/", clients.client_archive, name="client-archive"),
    path("clients/<uuid:client_id>/contacts/new/", clients.contact_new, name="contact-new"),
    path("contacts/<uuid:contact_id>/edit/", clients.contact_edit, name="contact-edit"),
    path("contacts/<uuid:contact_id>/remove/", clients.contact_remove, name="contact-remove"),
    path("engagements/", engagements.engagement_list, name="engagement-list"),
    path("engagements/new/", engagements.engagement_new, name="engagement-new"),
    path("engagements/<uuid:engagement_id>/", engagements.engagement_page, name="engagement"),
    path("engagements/<uuid:engagement_id>/edit/", engagements.engagement_edit, name="engagement-edit"),
    path("engagements/<uuid:engagement_id>/status/", engagements.engagement_status, name="engagement-status"),
    path("engagements/<uuid:engagement_id>/milestones/new/", milestones.milestone_new, name="milestone-new"),
    path("milestones/<uuid:milestone_id>/", milestones.milestone_page, name="milestone"),
    path("milestones/<uuid:milestone_id>/edit/", milestones.milestone_edit, name="milestone-edit"),
    path("milestones/<uuid:milestone_id>/status/", milestones.milestone_status, name="milestone-status"),
    path("milestones/<uuid:milestone_id>/move/", milestones.milestone_move, name="milestone-move"),
    path("jobs/", jobs.job_list, name="job-list"),
    path("jobs/<uuid:job_id>/", jobs.job_page, name="job"),
    path("jobs/<uuid:job_id>/cancel/", jobs.job_cancel, name="job-cancel"),
    path("jobs/<uuid:job_id>/retry/", jobs.job_retry, name="job-retry"),
    path("robots.txt", shares.robots, name="robots"),
    path("s/<uuid:link_id>/", shares.share_room, name="share-room"),
    path("s/<uuid:link_id>/comments/", shares.share_comment, name="share-comment"),
    path("s/<uuid:link_id>/<path:rest>", shares.share_room, name="share-part"),
    path("s/<slug:token>/", shares.share_door, name="share-door"),
    path("shares/<uuid:link_id>/revoke/", share_links.share_revoke, name="share-revoke"),
    path("shares/<slug:purpose>/<uuid:subject_id>/", share_links.share_links, name="share-links"),
    path("comments/<slug:purpose>/<uuid:subject_id>/", share_links.comment_create, name="comment-create"),
    path("settings/", people.workspace_settings, name="settings"),
    path("settings/people/", people.people_settings, name="settings-people"),
    path("settings/people/<uuid:membership_id>/role/", people.member_role, name="settings-member-role"),
    path("settings/people/<uuid:membership_id>/remove/", people.member_remove, name="settings-member-remove"),
    path(
        "settings/invitations/<uuid:invitation_id>/withdraw/",
        people.invitation_withdraw,
        name="settings-invitation-withdraw",
    ),
    path("settings/tokens/", people.token_settings, name="settings-tokens"),
    path("settings/tokens/<uuid:token_id>/revoke/", people.token_revoke, name="settings-token-revoke"),
    path("settings/security/", people.security_settings, name="settings-security"),
    path("settings/appearance/", people.appearance_settings, name="settings-appearance"),
    path("settings/audit/", people.audit_settings, name="settings-audit"),
    path("invitations/<slug:token>/", people.invitation, name="invitation"),
]
