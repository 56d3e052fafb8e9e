"""The sample workspace is filled once, however often it is asked for."""

from django.apps import apps

from freelance_ml import demo
from projects.access import ScopedQuerySet
from projects.models import Engagement, Milestone, User

PASSWORD = "a-password-of-the-demo"


def counts():
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


def test_filling_twice_changes_nothing(db):
    said = []
    actor = demo.fill_workspace(password=PASSWORD, say=said.append)
    before = counts()
    assert demo.fill_workspace(password=PASSWORD, say=said.append).workspace == actor.workspace
    assert counts() == before
    assert len(said) == 2 * len(demo.STEPS)


def test_it_is_believable_and_can_be_signed_in_to(client, db):
    actor = demo.fill_workspace(password=PASSWORD, say=lambda line: None)
    assert actor.owns
    assert Engagement.objects.visible_to(actor).exists()
    assert Milestone.objects.visible_to(actor).count() >= 4
    assert User.objects.get(email=demo.EMAIL).check_password(PASSWORD)


def test_everything_is_in_the_one_workspace(db):
    actor = demo.fill_workspace(password=PASSWORD, say=lambda line: None)
    for model in apps.get_models():
        if isinstance(model._default_manager.all(), ScopedQuerySet) and model._meta.app_label != "auth":
            rows = model._default_manager
            assert rows.in_workspace(actor.workspace).count() == rows.count(), model


def test_a_changed_password_is_set_back(db):
    demo.fill_workspace(password="an-earlier-password", say=lambda line: None)
    demo.fill_workspace(password=PASSWORD, say=lambda line: None)
    assert User.objects.get(email=demo.EMAIL).check_password(PASSWORD)
