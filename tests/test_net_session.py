"""HTTP sessions: which servers get the Zenodo token, and the variables that forbid the network."""

from __future__ import annotations

import pytest
from support.zenodo import clear_environment

from pass_utils import RemoteError
from pass_utils.net.session import auth_headers, check_online

TOKEN = "a-very-secret-token"


@pytest.fixture(autouse=True)
def setting(monkeypatch):
    """A plain environment."""
    clear_environment(monkeypatch)


class TestToken:
    @pytest.mark.parametrize(
        "url",
        [
            "https://zenodo.org/records/1",
            "https://ZENODO.org/x",
            "https://zenodo.org:443/x",
            "https://sandbox.zenodo.org/x",
            "https://user@zenodo.org/x",
        ],
    )
    def test_token_is_sent_to_zenodo_over_https(self, monkeypatch, url):
        monkeypatch.setenv("ZENODO_TOKEN", TOKEN)
        assert auth_headers(url) == {"Authorization": f"Bearer {TOKEN}"}
        monkeypatch.setenv("ZENODO_TOKEN", f" {TOKEN}\n")
        assert auth_headers(url) == {"Authorization": f"Bearer {TOKEN}"}
        monkeypatch.setenv("ZENODO_TOKEN", "")
        assert auth_headers(url) == {}
        monkeypatch.delenv("ZENODO_TOKEN")
        assert auth_headers(url) == {}

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.org/x",
            "https://zenodo.org.evil.org/x",
            "https://evilzenodo.org/x",
            "https://evil.org/zenodo.org",
        ]
        + [
            "https://zenodo.org@evil.org/x",
            "https://zenodo.org:pass@evil.org/x",
            "https://evil.org\\@zenodo.org/x",
        ]
        + [
            "https://evil.org#@zenodo.org/x",
            "https://evil.org?@zenodo.org/x",
            "https://127.0.0.1.evil.org/x",
        ]
        + ["http://127.0.0.1:8000/records", "http://localhost/x", "http://[::1]:80/x"]
        + ["https://127.0.0.1:8000/records", "https://zenodo.org:8443/x"]
        + ["http://zenodo.org/x", "http://[::1", "", "zenodo.org"],
    )
    def test_token_is_sent_to_no_other_host_and_not_in_clear(self, monkeypatch, url):
        monkeypatch.setenv("ZENODO_TOKEN", TOKEN)
        assert auth_headers(url) == {}


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_check_online_names_the_variable_and_what_was_wanted(monkeypatch, variable):
    for value in ("1", "true", "ON", "Yes"):
        monkeypatch.setenv(variable, value)
        with pytest.raises(
            RemoteError,
            match=f"{variable} is set: expected PASS.3.tar on this machine.*`data_dir=`",
        ):
            check_online("PASS.3.tar")
    for value in ("0", "", "false", "off"):
        monkeypatch.setenv(variable, value)
        check_online("PASS.3.tar")
