"""Pages of training and models, and the milestone's panel that leads to them."""

import pytest
from django.urls import reverse
from django.utils import timezone

from evaluations.engine.training.recipes import RECIPES
from evaluations.models import EvaluationRun, TrainingRun
from tests.factories.evaluations import make_protocol, make_training, make_verdict, train
from tests.factories.jobs import make_job, work_off
from tests.projects import page_rules

POLL = {"HX-Request": "true", "X-Poll": "1"}


@pytest.fixture
def protocol(actor):
    """A protocol in force whose rows nobody has looked at."""
    return make_protocol_like(make_verdict(actor=actor).protocol)


def make_protocol_like(given):
    """A frozen protocol of another milestone, with the same terms and no looks."""
    milestone = given.milestone.engagement.milestones.create(
        title="Second promise", fee_minor=1, status="in_progress", position=99
    )
    return type(given).objects.create(
        milestone=milestone, number=1, dataset_version=given.dataset_version, state="frozen", body=given.body,
        digest=given.digest, frozen_at=timezone.now(),
    )  # fmt: skip


@pytest.fixture
def training(protocol):
    return make_training(protocol)


@pytest.fixture
def model(training):
    return training.models.get(proposed=True)


# --- starting a training ------------------------------------------------------------------------------
def test_the_form_offers_the_recipes_of_the_registry(signed_in, protocol):
    learned = [recipe.title for recipe in RECIPES.values() if recipe.name != "dummy"]
    page_rules.opens(signed_in, "evaluations:training-new", protocol.pk, contains=learned)


def test_training_starts_with_the_chosen_recipes(signed_in, protocol):
    page_rules.opens(signed_in, "evaluations:training-new", protocol.pk, contains=["360 rows", "Random forest"])
    fields = {"recipes": ["linear"], "budget_seconds": "30", "seed": "3"}
    answer = signed_in.post(reverse("evaluations:training-new", args=[protocol.pk]), fields)
    run = TrainingRun.objects.get()
    assert answer["Location"] == reverse("evaluations:training", args=[run.pk])
    assert (run.recipes, run.budget_seconds, run.seed) == (["linear"], 30, 3)
    page_rules.opens(signed_in, "evaluations:training", run.pk, contains=["every 2s", "Train for"])


def test_a_wrong_budget_comes_back_with_its_error(signed_in, protocol):
    answer = signed_in.post(
        reverse("evaluations:training-new", args=[protocol.pk]), {"budget_seconds": "1", "seed": "0"}
    )
    assert answer.status_code == 422
    assert "must be at least 5" in answer.content.decode()


def test_starting_keeps_the_rules(client, signed_in, stranger, protocol):
    page_rules.refuses(signed_in, "put", "evaluations:training-new", protocol.pk)
    page_rules.sends_to_sign_in(client, "evaluations:training-new", protocol.pk)
    page_rules.hides_from_strangers(client, stranger, "evaluations:training-new", protocol.pk)


# --- the training's page --------------------------------------------------------------------------------
def test_candidates_stand_side_by_side(client, signed_in, stranger, training):
    contains = ["Proposed: Linear model", "Random forest", "[0.78", "simplest recipe", "C 0.1", "4.0 KiB"]
    page_rules.opens(signed_in, "evaluations:training", training.pk, contains=contains[:2] + contains[3:])
    page_rules.refuses(signed_in, "post", "evaluations:training", training.pk)
    page_rules.sends_to_sign_in(client, "evaluations:training", training.pk)
    page_rules.hides_from_strangers(client, stranger, "evaluations:training", training.pk)


def test_a_training_that_failed_says_why(signed_in, actor, protocol):
    job = make_job(by=actor)
    type(job).objects.filter(pk=job.pk).update(
        state="failed", error_message="There are too few rows.", finished_at=timezone.now()
    )
    run = make_training(protocol, finished_at=None, job=job)
    page_rules.opens(signed_in, "evaluations:training", run.pk, contains=["The training failed", "too few rows"])


def test_a_page_that_waits_is_loaded_anew_when_the_work_is_over(signed_in, actor, protocol, training):
    waiting = make_training(protocol, finished_at=None, job=make_job(by=actor))
    answer = signed_in.get(reverse("evaluations:training", args=[waiting.pk]), headers=POLL)
    assert "HX-Refresh" not in answer
    assert b"<html" not in answer.content
    assert signed_in.get(reverse("evaluations:training", args=[training.pk]), headers=POLL)["HX-Refresh"] == "true"


# --- the model's page -------------------------------------------------------------------------------------
def test_a_model_shows_what_it_is(client, signed_in, stranger, model):
    contains = ["0.8100", "[0.7800, 0.8400]", "Random forest", "“tenure” matters most", "look 1 of 2", "scikit-learn"]
    page_rules.opens(signed_in, "evaluations:model", model.pk, contains=contains)
    page_rules.refuses(signed_in, "post", "evaluations:model", model.pk)
    page_rules.sends_to_sign_in(client, "evaluations:model", model.pk)
    page_rules.hides_from_strangers(client, stranger, "evaluations:model", model.pk)


def test_the_card_carries_metadata_and_no_foreign_markup(client, signed_in, stranger, model):
    milestone = model.run.protocol.milestone
    milestone.promise = "Find <b>80 %</b> of\nleavers"
    milestone.save()
    answer = signed_in.get(reverse("evaluations:model-card", args=[model.pk]))
    card = answer.content.decode()
    assert answer["Content-Type"].startswith("text/markdown")
    assert "attachment" in answer["Content-Disposition"]
    head = card.split("---\n")[1]
    assert 'pipeline_tag: "tabular-classification"' in head
    assert 'library_name: "sklearn"' in head
    assert "value: 0.81" in head
    assert "| ROC AUC | 0.81 | [0.78, 0.84] | 144 |" in card
    assert "\\<b\\>80 %\\</b\\> of leavers" in card
    page_rules.refuses(signed_in, "post", "evaluations:model-card", model.pk)
    page_rules.sends_to_sign_in(client, "evaluations:model-card", model.pk)
    page_rules.hides_from_strangers(client, stranger, "evaluations:model-card", model.pk)


def test_evaluating_a_model_is_a_look(client, signed_in, stranger, model):
    address = "evaluations:model-look"
    page_rules.refuses(signed_in, "get", address, model.pk)
    answer = signed_in.post(reverse(address, args=[model.pk]))
    run = EvaluationRun.objects.get(model=model)
    assert answer["Location"] == reverse("evaluations:run", args=[run.pk])
    assert run.look.number == 1
    assert "Evaluate</button>" not in page_rules.opens(signed_in, "evaluations:model", model.pk)
    page_rules.sends_to_sign_in(client, address, model.pk, method="post")
    page_rules.hides_from_strangers(client, stranger, address, model.pk, method="post")


@pytest.mark.real_child
def test_a_real_training_ends_on_its_page(signed_in, actor):
    protocol = make_protocol(actor=actor)
    model = train(actor=actor, protocol=protocol)
    contains = ["Proposed: Linear model", "Always the same answer"]
    page_rules.opens(signed_in, "evaluations:training", model.run_id, contains=contains)
    page_rules.opens(signed_in, "evaluations:model", model.pk, contains=["tenure", "Evaluate"])
    assert b"model-index:" in signed_in.get(reverse("evaluations:model-card", args=[model.pk])).content
    signed_in.post(reverse("evaluations:model-look", args=[model.pk]))
    run = EvaluationRun.objects.get()
    work_off(run.job)
    page_rules.opens(signed_in, "evaluations:run", run.pk, contains=["Every promise was shown", "Look 1"])


# --- the milestone's panel ----------------------------------------------------------------------------------
def step_of(client, milestone):
    return page_rules.opens(client, "projects:milestone", milestone.pk)


def test_the_milestone_names_one_next_step(signed_in, actor, protocol):
    milestone = protocol.milestone
    text = step_of(signed_in, milestone)
    assert "Train models" in text
    assert "2 of 2" in text
    run = make_training(protocol, finished_at=None, job=make_job(by=actor))
    assert "Models are being trained" in step_of(signed_in, milestone)
    TrainingRun.objects.filter(pk=run.pk).delete()
    make_training(protocol)
    text = step_of(signed_in, milestone)
    assert "Linear model is proposed" in text
    assert "look 1 of 2" in text
    assert "Train models" not in text


def test_a_milestone_without_a_protocol_asks_for_one(signed_in, actor, protocol):
    protocol.milestone.protocols.all().delete()
    assert "Write the protocol" in step_of(signed_in, protocol.milestone)


def test_the_panel_stays_cheap_with_many_runs(signed_in, protocol, django_assert_max_num_queries):
    for _ in range(3):
        make_training(protocol)
    step_of(signed_in, protocol.milestone)
    with django_assert_max_num_queries(14):
        step_of(signed_in, protocol.milestone)


def test_models_are_found_by_name(signed_in, model):
    answer = signed_in.get(reverse("palette"), {"q": "linear"})
    assert reverse("evaluations:model", args=[model.pk]) in answer.content.decode()
