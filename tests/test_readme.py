"""What the README and the guide tell people to type and to open exists."""

import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from freelance_ml import env

ROOT = Path(__file__).resolve().parents[1]
GUIDE = sorted((ROOT / "docs" / "user-guide").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *GUIDE]
FENCE = re.compile(r"^ *```(?:sh|bash|console)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"(?:^|\s)make ([a-z][a-z-]*)")
MANAGE = re.compile(r"manage\.py ([a-z_]+)([^#|&;\n]*)")
VARIABLE = re.compile(r"^(?:\s*)((?:[A-Z][A-Z0-9_]*=\S+ +)+)(?:make|\.venv/bin/python)", re.MULTILINE)
PICTURE_MAX = 300_000  # bytes


def names(path):
    return str(path.relative_to(ROOT))


def commands_in(text):
    return [line.split(" #")[0].strip() for block in FENCE.findall(text) for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def targets():
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def test_the_two_commands_are_the_first_thing_to_type():
    assert [line.split()[:2] for line in commands_in((ROOT / "README.md").read_text())][:2] == [
        ["make", "demo"],
        ["make", "up"],
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_every_link_and_picture_is_there(document):
    wanted = [
        link for link in LINK.findall(document.read_text()) if "://" not in link and not link.startswith("mailto:")
    ]
    assert [link for link in wanted if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_every_command_exists_with_its_options(document, targets):
    text = "\n".join(commands_in(document.read_text()))
    assert set(MAKE.findall(text)) <= targets
    known = get_commands()
    for name, rest in MANAGE.findall(text):
        assert name in known, f"manage.py {name}"
        parser = load_command_class(known[name], name).create_parser("manage.py", name)
        options = {option for action in parser._actions for option in action.option_strings}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, f"manage.py {name}{rest}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_every_variable_before_a_command_is_one_that_is_read(document):
    text = "\n".join(commands_in(document.read_text()))
    given = {pair.split("=")[0] for group in VARIABLE.findall(text) for pair in group.split()}
    assert given <= set(env.VARIABLES) | {"TESTS", "TEST_PROCESSES"}


def test_make_lists_what_the_readme_names(targets):
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in set(MAKE.findall("\n".join(commands_in((ROOT / "README.md").read_text())))):
        assert f"make {name}" in listed


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "pictures").glob("*.png")), ids=names)
def test_pictures_are_small_and_used(picture):
    assert picture.stat().st_size < PICTURE_MAX
    assert any(picture.name in document.read_text() for document in DOCUMENTS)


@pytest.mark.parametrize("chapter", [chapter for chapter in GUIDE if chapter.name != "index.md"], ids=names)
def test_the_index_of_the_guide_names_every_chapter(chapter):
    assert f"({chapter.name})" in (chapter.parent / "index.md").read_text()
