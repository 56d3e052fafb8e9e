"""Any order of claims, silences, ends, cancels and retries keeps the promises about a job."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from projects.dispatch import cancel_job, retry_job
from projects.jobs import Kind
from projects.models import Client, Job
from projects.sandbox.order import Outcome
from projects.services.job_claims import LostOwnershipError, claim_job, extend_lease, hand_back, recover_expired
from projects.services.job_ends import end_cancelled, fail_job, finish_job
from projects.services.job_heartbeat import News
from tests.factories.jobs import make_job
from tests.factories.projects import make_actor
from tests.faults.kinds import note_effect

KIND = Kind(name="test.add", title="Test", apply=note_effect)
CLAIM = st.integers(min_value=0, max_value=30)


class JobLife(RuleBasedStateMachine):
    """One job, any number of workers that hold a claim on it, fresh or stale."""

    @initialize()
    def begin(self):
        Job.objects.all().update(state="cancelled", finished_at=timezone.now())  # those of the examples before
        self.actor = make_actor()
        self.job = make_job(by=self.actor)
        self.claims = []
        self.fences = [0]

    def _row(self):
        return Job.objects.get(pk=self.job.pk)

    def _write(self, number, write):
        """Let a worker write; it succeeds if and only if its claim is the one in force."""
        claim = self.claims[number % len(self.claims)]
        row = self._row()
        in_force = row.state == Job.State.RUNNING and row.fence == claim.fence
        try:
            written = write(claim)
        except LostOwnershipError:
            written = False
        assert (written is not False) == in_force

    @rule()
    def claim(self):
        Job.objects.filter(pk=self.job.pk, state="queued").update(run_at=timezone.now())
        before = self._row()
        claim = claim_job(hint=self.job.pk)
        assert (claim is not None) == (before.state == Job.State.QUEUED)
        if claim is not None:
            assert claim.fence > before.fence
            self.claims.append(claim)

    @precondition(lambda self: self.claims)
    @rule(number=CLAIM)
    def beat(self, number):
        self._write(number, lambda claim: extend_lease(job=claim, changes={"phase": "x"}))

    @precondition(lambda self: self.claims)
    @rule(number=CLAIM)
    def finish(self, number):
        outcome = Outcome(result={"sum": 1})
        self._write(
            number, lambda claim: finish_job(job=claim, kind=KIND, outcome=outcome, outputs=NOWHERE, news=News())
        )

    @precondition(lambda self: self.claims)
    @rule(number=CLAIM, again=st.booleans())
    def fail(self, number, again):
        outcome = Outcome(code="x", message="It did not work.", may_try_again=again)
        self._write(number, lambda claim: fail_job(job=claim, outcome=outcome, news=News()))

    @precondition(lambda self: self.claims)
    @rule(number=CLAIM)
    def give_back(self, number):
        self._write(number, lambda claim: hand_back(job=claim))

    @precondition(lambda self: self.claims)
    @rule(number=CLAIM)
    def obey_cancel(self, number):
        if self._row().cancel_requested_at:
            self._write(number, lambda claim: end_cancelled(job=claim, outcome=Outcome(), news=News()))

    @rule()
    def fall_silent(self):
        Job.objects.filter(state=Job.State.RUNNING).update(lease_until=timezone.now() - timedelta(seconds=1))
        recover_expired()
        assert self._row().state != Job.State.RUNNING

    @rule()
    def cancel(self):
        cancel_job(job=self.job, by=self.actor)
        assert self._row().state != Job.State.QUEUED

    @precondition(lambda self: self._row().can_retry)
    @rule()
    def retry(self):
        assert retry_job(job=self.job, by=self.actor, reason="again").state == Job.State.QUEUED

    @invariant()
    def promises_hold(self):
        if not hasattr(self, "job"):
            return
        row = self._row()
        effects = Client.objects.filter(name__startswith=f"effect {row.pk}").count()
        assert effects == (1 if row.state == Job.State.DONE else 0)
        assert row.attempts <= row.max_attempts
        assert row.fence >= self.fences[-1]
        self.fences.append(row.fence)
        if row.state == Job.State.FAILED:
            assert row.error_message


class Nowhere:
    """A folder of outputs without files."""

    def __truediv__(self, name):
        return self

    def exists(self):
        return False


NOWHERE = Nowhere()


@pytest.mark.django_db
def test_any_order_of_events_keeps_the_promises():
    run_state_machine_as_test(
        JobLife,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
