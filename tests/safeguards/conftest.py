"""Fixtures that the tests of one safeguard share over several files; each file makes its own cast."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.people import Cast
from tests.sessions import sign_in


@pytest.fixture
def sol(cast: Cast) -> Client:
    """A clinical mentor of South, who has no part in North's Nora."""
    return sign_in(Client(), cast["sol"])
