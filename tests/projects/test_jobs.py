"""Jobs as people, pages and the API meet them; children are real, the broker is away."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from projects.canonical import digest
from projects.dispatch import cancel_job, retry_job, start_job
from projects.errors import IllegalTransitionError, NotPermittedError
from projects.jobs import UnknownKindError
from projects.models import AuditEntry, Client, Job, JobLogLine
from projects.queries import jobs as queries
from projects.sandbox.order import Outcome
from projects.services.job_claims import LostOwnershipError, claim_job, extend_lease, hand_back, recover_expired
from projects.services.job_ends import fail_job, finish_job
from projects.services.job_heartbeat import News
from projects.services.job_log import LIMIT_REACHED, MOST_LINES, add_lines
from projects.services.jobs import KeyReusedError, Part
from tests.factories.jobs import make_job, work_off
from tests.faults.kinds import note_effect


def effects(job):
    return Client.objects.filter(name__startswith=f"effect {job.pk}").count()


def actions(job):
    return list(AuditEntry.objects.filter(target_id=str(job.pk)).order_by("sequence").values_list("action", flat=True))


def expire(job):
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_job_is_carried_out_with_its_effects_its_figures_and_its_trail(actor):
    job = work_off(make_job(by=actor, arguments={"numbers": [1, 2, 3]}, seed=5))
    assert job.state == Job.State.DONE
    assert job.result == {"sum": 6, "seed": 5, "file": "6"}
    assert job.result_digest == digest(job.result)
    assert effects(job) == 1
    assert [line.text for line in queries.log_of(job)] == ["adding", "added"]
    assert (job.phase, job.share_done) == ("adding", 1.0)
    assert job.wall_seconds > 0
    assert job.cpu_seconds > 0
    assert job.peak_bytes > 0
    assert job.versions["python"]
    assert job.isolation
    assert actions(job) == ["job.started", "job.done"]


def test_files_of_the_worker_reach_the_work(actor, tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("hello")
    job = work_off(make_job(by=actor, kind="test.read_file", arguments={"path": str(data)}))
    assert job.result == {"text": "hello"}


def test_the_row_is_part_of_the_callers_transaction(actor):
    with pytest.raises(RuntimeError), transaction.atomic():
        start_job(kind="test.add", workspace=actor.workspace, by=actor)
        raise RuntimeError
    assert not Job.objects.exists()


def test_an_unknown_kind_is_refused(actor):
    with pytest.raises(UnknownKindError):
        make_job(by=actor, kind="test.unheard-of")


def test_reviewers_start_cancel_and_retry_nothing(actor, reviewer):
    job = make_job(by=actor)
    for attempt in (
        lambda: make_job(by=reviewer),
        lambda: cancel_job(job=job, by=reviewer),
        lambda: retry_job(job=job, by=reviewer, reason="x"),
    ):
        with pytest.raises(NotPermittedError):
            attempt()


def test_nobody_starts_a_job_in_another_workspace(actor, stranger):
    with pytest.raises(ValueError, match="own workspace"):
        start_job(kind="test.add", workspace=actor.workspace, by=stranger)


def test_the_same_key_starts_the_same_job_once(actor):
    first = make_job(by=actor, key="k", arguments={"numbers": [1]})
    again = make_job(by=actor, key="k", arguments={"numbers": [1]})
    assert first.pk == again.pk
    with pytest.raises(KeyReusedError):
        make_job(by=actor, key="k", arguments={"numbers": [2]})


@pytest.mark.parametrize(
    ("kind", "code"),
    [("refuse", "no-target-column"), ("stumble", "unexpected-error"), ("bad_apply", "unexpected-error")],
)
def test_an_end_that_would_come_again_is_final_at_once(actor, kind, code):
    job = work_off(make_job(by=actor, kind=f"test.{kind}"))
    assert (job.state, job.attempts, job.error_code) == (Job.State.FAILED, 1, code)
    assert job.error_message
    assert effects(job) == 0
    assert actions(job)[-1] == "job.failed"


def test_a_poison_job_stops_after_three_attempts_and_its_kind_hears_of_it(actor):
    job = make_job(by=actor, kind="test.kill_itself")
    for attempt in (1, 2, 3):
        job = work_off(job)
        assert job.attempts == attempt
        Job.objects.filter(pk=job.pk).update(run_at=timezone.now())
    assert (job.state, job.error_code) == (Job.State.FAILED, "killed")
    assert "It was tried 3 times." in job.error_message
    assert Client.objects.filter(name__startswith=f"ended {job.pk}").count() == 1


def test_more_urgent_jobs_start_first(actor):
    late = make_job(by=actor)
    urgent = make_job(by=actor, priority=5)
    assert claim_job(hint=late.pk).pk == urgent.pk


def test_lanes_do_not_mix(actor):
    quick = make_job(by=actor, kind="test.flood")
    long = make_job(by=actor)
    assert claim_job(hint=long.pk).pk == long.pk
    assert claim_job(hint=long.pk) is None
    assert claim_job(hint=quick.pk).pk == quick.pk


def test_a_job_for_later_waits(actor):
    job = make_job(by=actor, run_at=timezone.now() + timedelta(hours=1))
    assert claim_job(hint=job.pk) is None


def test_a_message_that_comes_again_does_nothing(actor):
    job = make_job(by=actor)
    assert claim_job(hint=job.pk)
    assert claim_job(hint=job.pk) is None
    assert claim_job(hint=actor.workspace.pk) is None  # of a row that is gone


def test_a_worker_that_fell_silent_can_write_nothing(actor):
    slow = claim_job(hint=make_job(by=actor).pk)
    expire(slow)
    assert recover_expired() == 1
    quick = claim_job(hint=slow.pk)
    assert quick.fence > slow.fence
    for write in (
        lambda: extend_lease(job=slow, changes={"phase": "x"}, lines=["x"]),
        lambda: fail_job(job=slow, outcome=Outcome(code="x", message="x"), news=News()),
        lambda: finish_job(job=slow, kind=KIND, outcome=Outcome(result={}), outputs=None, news=News()),
    ):
        with pytest.raises(LostOwnershipError):
            write()
    assert not hand_back(job=slow)
    slow.refresh_from_db()
    assert (slow.state, slow.phase, slow.log_lines) == (Job.State.RUNNING, "", 1)
    assert effects(slow) == 0


class KIND:
    apply = staticmethod(note_effect)


def test_a_silent_worker_costs_an_attempt_and_three_of_them_end_the_job(actor):
    job = make_job(by=actor)
    for _ in range(3):
        assert claim_job(hint=job.pk)
        expire(job)
        recover_expired()
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error_code) == (Job.State.FAILED, 3, "worker-lost")
    assert recover_expired() == 0


def test_stopping_a_worker_costs_no_attempt(actor):
    job = claim_job(hint=make_job(by=actor).pk)
    assert hand_back(job=job)
    job.refresh_from_db()
    assert (job.state, job.attempts) == (Job.State.QUEUED, 0)
    assert claim_job(hint=job.pk)


def test_cancelling_what_waits_works_at_once(actor):
    job = cancel_job(job=make_job(by=actor), by=actor)
    assert job.state == Job.State.CANCELLED
    assert claim_job(hint=job.pk) is None
    assert actions(job) == ["job.started", "job.cancelled"]


def test_cancelling_what_runs_is_a_wish_and_a_silent_worker_cannot_lose_it(actor):
    job = claim_job(hint=make_job(by=actor).pk)
    job = cancel_job(job=job, by=actor)
    assert job.state == Job.State.RUNNING
    assert not job.can_cancel
    expire(job)
    recover_expired()
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_what_is_over_is_not_cancelled(actor):
    job = work_off(make_job(by=actor))
    assert cancel_job(job=job, by=actor).state == Job.State.DONE


def test_a_failed_job_is_started_again_with_a_reason(actor):
    job = work_off(make_job(by=actor, kind="test.refuse"))
    job = retry_job(job=job, by=actor, reason="The file is fixed")
    assert (job.state, job.attempts, job.retries, job.error_message) == (Job.State.QUEUED, 0, 1, "")
    assert queries.log_of(job)[-1].text == "Started again by Alice: The file is fixed"
    assert work_off(job).state == Job.State.FAILED
    assert actions(job) == ["job.started", "job.failed", "job.retried", "job.failed"]


def test_a_job_that_is_done_is_not_started_again(actor):
    with pytest.raises(IllegalTransitionError):
        retry_job(job=work_off(make_job(by=actor)), by=actor, reason="again")


def test_the_whole_waits_for_its_parts(actor):
    whole = make_job(by=actor, kind="test.in_worker", parts=[Part("test.add"), Part("test.add", title="Second")])
    assert whole.state == Job.State.WAITING
    assert claim_job(hint=whole.pk).parent_id == whole.pk  # its hint starts a part
    first, second = queries.parts_of(whole)
    hand_back(job=claim_job(hint=second.pk))
    Job.objects.filter(parent=whole).update(state=Job.State.QUEUED, lease_until=None)
    work_off(first)
    work_off(second)
    whole.refresh_from_db()
    assert whole.state in (Job.State.QUEUED, Job.State.DONE)
    assert work_off(whole).state == Job.State.DONE


def test_a_part_that_fails_fails_the_whole_and_both_start_again(actor):
    whole = make_job(by=actor, kind="test.in_worker", parts=[Part("test.refuse"), Part("test.add")])
    for part in queries.parts_of(whole):
        work_off(part)
    whole.refresh_from_db()
    assert (whole.state, whole.error_code) == (Job.State.FAILED, "part-failed")
    assert whole.error_message.startswith("1 of 2 parts")
    whole = retry_job(job=whole, by=actor, reason="again")
    assert whole.state == Job.State.WAITING
    assert [part.state for part in queries.parts_of(whole)] == ["queued", "done"]


def test_cancelling_the_whole_cancels_its_parts(actor):
    whole = make_job(by=actor, kind="test.in_worker", parts=[Part("test.add"), Part("test.add")])
    cancel_job(job=whole, by=actor)
    assert set(Job.objects.values_list("state", flat=True)) == {"cancelled"}


def test_the_log_is_bounded_and_harmless(actor):
    job = make_job(by=actor)
    add_lines(job, ["\x1b[2Jred\u202e\0", "tab\tis kept"])
    assert [line.text for line in queries.log_of(job)] == ["\\x1b[2Jred\\u202e\\x00", "tab\tis kept"]
    add_lines(job, ["x"] * (MOST_LINES + 50))
    add_lines(job, ["never"])
    job.refresh_from_db()
    assert job.log_lines == JobLogLine.objects.filter(job=job).count() == MOST_LINES
    assert queries.log_of(job)[-1].text == LIMIT_REACHED
    assert [line.number for line in queries.log_of(job, after=1998)] == [1999, 2000]
    other = make_job(by=actor)
    add_lines(other, ["ü" * 2000] * 200)
    assert other.log_bytes <= 256 * 1024 + 4000


def test_time_left_follows_the_pace(actor):
    now = timezone.now()
    job = make_job(by=actor)
    job.state, job.progress_done, job.progress_total = Job.State.RUNNING, 25, 100
    job.phase_started_at, job.progress_at = now - timedelta(seconds=10), now
    assert job.time_left == timedelta(seconds=30)
    job.progress_total = 0
    assert job.time_left is None


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "lost"},
        {"state": "running"},
        {"state": "failed", "finished_at": timezone.now()},
        {"state": "done"},
        {"finished_at": timezone.now()},
    ],
)
def test_the_database_refuses_rows_that_cannot_be(actor, changes):
    job = make_job(by=actor)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**changes)
    if connection.vendor == "sqlite":
        job.refresh_from_db()


def test_a_stranger_sees_no_job(actor, stranger):
    job = make_job(by=actor)
    assert list(queries.jobs_of(actor)) == [job]
    assert not queries.jobs_of(stranger).exists()
    assert not queries.jobs_of(None).exists()
    assert queries.counts_by_state(queries.tally_of(stranger))["queued"] == 0
    assert queries.something_runs(actor)
    assert not queries.something_runs(stranger)


def test_filters(actor):
    job = make_job(by=actor, subject=actor.workspace, title="Find me")
    make_job(by=actor, kind="test.refuse")
    assert queries.jobs_of(actor, kind="test.refuse").count() == 1
    assert list(queries.jobs_of(actor, state="open", text="find")) == [job]
    assert list(queries.jobs_about(actor, label="projects.workspace", pk=actor.workspace.pk)) == [job]
    assert queries.kind_choices(queries.tally_of(actor)) == [("test.add", "Test add"), ("test.refuse", "Test refuse")]
    health = queries.queue_health(at=timezone.now())
    assert (health.queued, health.running, health.expired_leases) == (2, 0, 0)


def test_a_cancel_outlives_the_stop_of_the_worker_and_a_passing_failure(actor):
    stopped = claim_job(hint=make_job(by=actor).pk)
    cancel_job(job=stopped, by=actor)
    assert hand_back(job=stopped)
    failing = claim_job(hint=make_job(by=actor).pk)
    cancel_job(job=failing, by=actor)
    fail_job(job=failing, outcome=Outcome(code="killed", message="x.", may_try_again=True), news=News())
    assert set(Job.objects.values_list("state", flat=True)) == {"cancelled"}
