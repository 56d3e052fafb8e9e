"""docs/settings.md and docs/dependencies.md name everything, and nothing that is gone."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from freelance_ml import env

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def rows_of(document):
    return ROW.findall((ROOT / "docs" / document).read_text())


def test_every_variable_is_documented_and_no_other():
    assert sorted(rows_of("settings.md")) == sorted(env.VARIABLES)


@pytest.mark.parametrize("name", sorted(env.VARIABLES))
def test_the_meaning_in_the_document_is_the_one_in_the_code(name):
    text = (ROOT / "docs" / "settings.md").read_text()
    assert env.VARIABLES[name].meaning.replace("|", "\\|") in text, f"docs/settings.md: write the meaning of {name}"


def test_every_dependency_is_documented_and_no_other():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wishes = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["s3"]]
    wishes += project["dependency-groups"]["dev"]
    names = {NAME.match(wish).group() for wish in wishes}
    front = json.loads((ROOT / "package.json").read_text())
    names |= {*front["dependencies"], *front["devDependencies"]}
    assert sorted(rows_of("dependencies.md")) == sorted(names)


class TestReading:
    @pytest.fixture(autouse=True)
    def _forget(self, monkeypatch):
        monkeypatch.setattr(env, "VARIABLES", {})

    @pytest.mark.parametrize(
        ("text", "value"), [("1", True), ("TRUE", True), (" on ", True), ("no", False), ("", False)]
    )
    def test_a_flag_is_yes_or_no(self, monkeypatch, text, value):
        monkeypatch.setenv("SAMPLE", text)
        assert env.flag("SAMPLE", "false", "A sample.") is value

    def test_a_flag_is_nothing_else(self, monkeypatch):
        monkeypatch.setenv("SAMPLE", "maybe")
        with pytest.raises(ImproperlyConfigured, match="SAMPLE is 'maybe'; write true or false"):
            env.flag("SAMPLE", "false", "A sample.")

    @pytest.mark.parametrize("text", ["-1", "many", "1.5", "0"])
    def test_a_number_is_whole_and_large_enough(self, monkeypatch, text):
        monkeypatch.setenv("SAMPLE", text)
        with pytest.raises(ImproperlyConfigured, match="whole number of at least 1"):
            env.number("SAMPLE", "1", "A sample.", at_least=1)

    def test_a_missing_text_without_default_says_what_it_means(self, monkeypatch):
        monkeypatch.delenv("SAMPLE", raising=False)
        with pytest.raises(ImproperlyConfigured, match=r"SAMPLE is not set.*A sample\..*settings\.md"):
            env.text("SAMPLE", None, "A sample.")

    def test_words_are_split_at_commas(self, monkeypatch):
        monkeypatch.setenv("SAMPLE", "a, b ,,c")
        assert env.words("SAMPLE", "", "A sample.") == ["a", "b", "c"]
        assert env.VARIABLES["SAMPLE"].meaning == "A sample."
