"""What the derived tests cannot find out by themselves.

The tests walk every address that the site has. Most need no line here:

- an address of the API takes its model from its viewset;
- ``<uuid:client_id>`` means the model ``Client``, whichever app has it;
- an address without an object must ask the signed-out to sign in, and must never show a stranger's row.

A line is needed where that is not so:

- ``KWARGS``: a name in an address that is not a model's name;
- ``TEXTS``: a part of an address that is a plain text;
- ``PUBLIC``: an address that anyone may open, and why;
- ``DOORS``: an address with a secret in it, or behind another door than sign-in, and why;
- ``OPERATOR``: pages for the operator of the installation, closed to every owner;
- ``REVIEWER_MAY``: what even a reviewer may send;
- ``SENDS``: what a form must say before its address looks for a row;
- ``ONCE``: a list that cannot take a second row beside the test's own, and why;
- ``WRITABLE``: what a serializer lets a caller set; a new field must be added here on purpose.

A new model needs a line in ``tests/factories/registry.py`` only if its fields cannot be guessed.
"""

KWARGS = {
    "token_id": "projects.apitoken",
    "link_id": "projects.sharelink",
    "subject_id": "projects.milestone",
    "scope_id": "projects.scopeversion",
}

TEXTS = {
    "projects:share-links": {"purpose": "test-note"},
    "projects:share-preview": {"purpose": "test-note"},
    "projects:comment-create": {"purpose": "test-note"},
    "projects:share-part": {"rest": "ask/"},
    "projects:scope-file": {"form": "pdf"},
    "report-file": {"form": "json"},
    "api-upload-chunk": {"index": 0},
    "api-report-file": {"form": "json"},
    "api-scope-file": {"form": "json"},
    "api-change-order-file": {"form": "pdf"},
    "evaluations:protocol-rows": {"form": "csv"},
}

PUBLIC = {
    "account_*": "allauth's pages of one's own account; none of them takes an id of a workspace's row",
    "mfa_*": "allauth's pages of one's own second factor; keys are looked up among one's own",
    "usersessions_list": "one's own sessions",
    "projects:second-factor": "what one's own workspace demands of oneself",
    "health": "for load balancers; says nothing about anyone",
    "welcome": "the first page of an empty installation",
    "verify": "checks a file that the visitor brings; reads no row",
    "projects:robots": "for search machines",
    "api-problems": "the list of error codes",
    "api-schema": "the form of the API, which is open source",
    "api-docs": "the page of the schema",
    "api-unknown": "always answers that nothing is here",
}

DOORS = {
    "projects:share-door": "256 random bits in the address: tests/projects/test_shares.py",
    "projects:invitation": "256 random bits in the address: the tests of invitations",
    "metrics": "behind a key or the local machine: the tests of metrics",
}

OPERATOR = {"admin:*": "Django's admin: for the operator, who sees the whole installation"}

REVIEWER_MAY = {
    "projects:comment-create": "reviewers comment",
    "projects:settings-tokens": "one's own tokens, which can do no more than oneself",
    "projects:settings-token-revoke": "one's own tokens",
    "projects:settings-security": "one's own sign-in",
    "projects:settings-appearance": "one's own screen",
    "projects:settings-member-remove": "everyone may leave; taking out others is refused below",
    "projects:settings-audit": "checks the trail and changes nothing",
    "theme": "one's own screen",
    "workspace": "which of one's own workspaces is open",
}

ONCE = {
    "api-protocol": "a milestone has one protocol that is not replaced yet",
    "api-scope": "an engagement has one scope that is open or signed",
    "api-report": "a report wants a verdict, which the test's own milestone has not; tests/api/test_walk.py makes one",
}

SENDS = {
    "projects:scope-edit": {"do": "add", "section": "objectives"},
    "projects:share-comment": {"name": "Carla", "text": "Is this right?"},
}

WRITABLE = {
    "api-client": {"name", "email", "address", "country", "tax_id", "notes"},
    "api-contact": {"client", "name", "email", "role"},
    "api-engagement": {
        "client",
        "title",
        "summary",
        "billing",
        "currency",
        "purchase_order",
        "starts_on",
        "ends_on",
        "review_days",
    },
    "api-scope": {"engagement", "starter", "document", "work", "rate_minor"},
    "api-change-order": {"engagement", "wish", "asked_by", "asked_on", "fit"},
    "api-milestone": {"engagement", "title", "promise", "deliverables", "criteria", "fee_minor", "due_on"},
    "api-column-mapping": {"name", "body"},
    "api-upload": {"name", "size"},
    "api-dataset": {"name", "engagement", "source", "owner", "licence", "lawful_basis", "retention_on", "target"},
    "api-protocol": {"milestone", "dataset_version", "body", "reason"},
    "api-report": {"milestone"},
}
