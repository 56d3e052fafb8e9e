"""From a frozen protocol to the report's PDF on telco_churn.csv: train five recipes, evaluate, report, draw, set.

Jobs are carried out one after another in their real child processes, as one worker would; the data lies beside the
project (../shared/data/tables), which a user's clone does not have.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "tables" / "telco_churn.csv"
RUNS = 3
TERMS = {
    "task": "binary",
    "target": "Churn",
    "positive_class": "Yes",
    "left_out": ["customerID"],
    "split": {"method": "stratified", "share": 0.3, "seed": 0},
    "gates": [{"metric": "roc_auc", "direction": "at_least", "threshold": 0.8}],
    "looks": 1,
    "slices": {"columns": ["Contract", "InternetService"]},
}


def main() -> int:
    if not TABLE.is_file():
        print("The table telco_churn.csv is not beside the project: nothing was measured.")
        return 0
    os.environ |= {
        "FREELANCE_ML_VAR": tempfile.mkdtemp(prefix="fml-bench-"),
        "DJANGO_SETTINGS_MODULE": "freelance_ml.settings",
        "JOB_WISH": "false",
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return measure()


def measure() -> int:
    from evaluations import dispatch
    from freelance_ml.reports.dispatch import make_report
    from freelance_ml.reports.pdf import report_pdf
    from projects.models import Job
    from tests.factories.evaluations import make_protocol, make_version
    from tests.factories.jobs import work_off
    from tests.factories.projects import make_actor, make_milestone

    actor = make_actor()
    version = make_version(actor=actor, content=TABLE.read_bytes(), name="telco_churn.csv", target="Churn")
    whole, parts = [], []
    for _ in range(RUNS):
        milestone = make_milestone(workspace=actor.workspace, status="in_progress")
        protocol = make_protocol(actor=actor, version=version, milestone=milestone, **TERMS)
        began = time.perf_counter()
        run = dispatch.start_training(protocol=protocol, by=actor, budget_seconds=60)
        work_off(run.job)
        trained = time.perf_counter()
        look = dispatch.start_look(protocol=protocol, by=actor, model=run.models.get(proposed=True))
        work_off(look.job)
        judged = time.perf_counter()
        report = make_report(milestone=milestone, by=actor)
        work_off(Job.objects.get(kind="draw-report", subject=f"evaluations.report:{report.pk}"))
        report.refresh_from_db()
        report_pdf(report)
        ended = time.perf_counter()
        whole.append(ended - began)
        parts.append((trained - began, judged - trained, ended - judged))
        look.refresh_from_db()
        train, evaluate, show = parts[-1]
        print(f"{look.verdict}: {whole[-1]:.1f} s (train {train:.1f}, evaluate {evaluate:.1f}, report {show:.1f})")
    print(f"median of {RUNS}: {statistics.median(whole):.1f} s; promised 60 s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
