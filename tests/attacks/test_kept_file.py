"""The report as one file, which a client opens from a mail, without our headers around it."""

import re

from evaluations.services.runs import close_looks
from freelance_ml.reports import dispatch
from freelance_ml.reports.shared import ReportRoom
from tests.factories.evaluations import make_verdict


def test_the_kept_file_forbids_scripts_and_calls_by_itself(actor):
    run = make_verdict(actor=actor)
    milestone = run.protocol.milestone
    close_looks(protocol=run.protocol, by=actor)
    milestone.title = '<script>alert(1)</script><img src="https://elsewhere.example/x">'
    milestone.save()
    page = ReportRoom().file(dispatch.make_report(milestone=milestone, by=actor), "html", None).content.decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'")
    assert page.index("Content-Security-Policy") < page.index("<title>")
    assert "<script" not in page
    assert '<img src="https' not in page
