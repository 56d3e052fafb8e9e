"""Where a form asks to be led back to."""

import pytest

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "\thttps://evil.example",
]


@pytest.mark.parametrize("wished", [*ELSEWHERE, "word", "9" * 40, "1e400", "💥", ""])
def test_nothing_leads_elsewhere_and_nothing_is_a_fault(signed_in, wished):
    for address in ("/theme/", "/workspace/"):
        assert signed_in.post(address, {"theme": "dark", "workspace": "x", "next": wished})["Location"] == "/"


def test_a_page_of_ours_is_gone_back_to(signed_in):
    assert signed_in.post("/theme/", {"theme": "dark", "next": "/clients/?q=a"})["Location"] == "/clients/?q=a"
