import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.scoping.diff import diff_documents, diff_words


def doc(*items, **fields):
    return {"in_scope": [{"id": key, "text": text} for key, text in items]} | fields


def test_equal_documents_have_no_diff():
    assert not diff_documents(doc(("a", "x")), doc(("a", "x")))


def test_added_removed_changed_and_moved():
    before = doc(("a", "One"), ("b", "Two"), ("c", "Three"), ("d", "Four"))
    after = doc(("c", "Three"), ("a", "One"), ("b", "Two rows"), ("e", "Five"))
    found = diff_documents(before, after)
    kinds = {item.id: (item.kind, item.moved) for item in found.items}
    assert kinds == {
        "c": ("moved", True),
        "b": ("changed", False),
        "e": ("added", False),
        "d": ("removed", False),
    }
    assert found.summary() == {"added": 1, "removed": 1, "changed": 1, "moved": 1}
    (b,) = [item for item in found.items if item.id == "b"]
    assert [(piece.kind, piece.text) for piece in b.fields[0].pieces] == [
        ("same", "Two"),
        ("added", " rows"),
    ]
    assert (b.place_before, b.place_after) == (2, 3)


def test_an_item_can_change_and_move():
    found = diff_documents(doc(("a", "x"), ("b", "y"), ("c", "z")), doc(("b", "y"), ("c", "z"), ("a", "w")))
    assert [(item.id, item.kind, item.moved) for item in found.items] == [("a", "changed", True)]
    assert found.summary()["moved"] == 1


def test_fields_of_the_document():
    found = diff_documents(doc(title="A b", review_days=10), doc(title="A c", review_days=5))
    assert {change.field: (change.before, change.after) for change in found.fields} == {
        "title": ("A b", "A c"),
        "review_days": (10, 5),
    }
    assert [piece.text for piece in found.fields[1].pieces] == ["10", "5"]


def test_a_new_section_and_a_lost_one():
    found = diff_documents(doc(("a", "x")), {"milestones": [{"id": "m", "title": "T"}]})
    assert [(item.section, item.kind) for item in found.items] == [
        ("milestones", "added"),
        ("in_scope", "removed"),
    ]


@given(old=st.text(max_size=200), new=st.text(max_size=200))
def test_the_pieces_give_both_texts_back(old, new):
    pieces = diff_words(old, new)
    assert "".join(p.text for p in pieces if p.kind != "added") == old
    assert "".join(p.text for p in pieces if p.kind != "removed") == new


keys = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(old=keys, new=keys)
def test_every_item_is_accounted_for(old, new):
    found = diff_documents(doc(*[(k, k) for k in old]), doc(*[(k, k) for k in new]))
    kinds = {item.id: item.kind for item in found.items}
    assert {k for k, kind in kinds.items() if kind == "added"} == set(new) - set(old)
    assert {k for k, kind in kinds.items() if kind == "removed"} == set(old) - set(new)
    stay_old = [k for k in old if k in new and k not in kinds]
    stay_new = [k for k in new if k in old and k not in kinds]
    assert stay_old == stay_new


@pytest.mark.parametrize("words", [2_000])
def test_a_very_long_text_is_shown_whole(words):
    pieces = diff_words("a " * words, "b " * words)
    assert [piece.kind for piece in pieces] == ["removed", "added"]
