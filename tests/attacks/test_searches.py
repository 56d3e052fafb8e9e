"""Words to search for that no database takes."""

import pytest

from tests.factories import projects as make


@pytest.mark.parametrize("address", ["/palette/", "/clients/", "/engagements/", "/jobs/", "/data/"])
def test_nul_in_a_search_is_no_fault_and_hides_nothing(signed_in, workspace, address):
    client = make.make_client(workspace=workspace, name="Carla")
    make.make_engagement(client=client, title="Carla's churn")
    answer = signed_in.get(address, {"q": "Car\0la"})
    assert answer.status_code == 200
    if address in {"/palette/", "/clients/", "/engagements/"}:
        assert "Carla" in answer.content.decode().replace('value="Carla"', "")
