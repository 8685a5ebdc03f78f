"""What somebody else will see of a text that was typed."""

import pytest

from core.form_fields import LineField, PlainTextField
from core.typed_text import visible_text


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("Rang  the\ncrisis line", "Rang the crisis line"),
        ("\u200b\u2060\ufeff", ""),
        ("\u3164\u2800", ""),
        ("a\u200bb", "ab"),
        ("Zoë says 👍", "Zoë says 👍"),
        ("\u202emirrored\u202c", "mirrored"),
    ],
)
def test_visible_text(typed: str, seen: str) -> None:
    assert visible_text(typed) == seen


@pytest.mark.parametrize("kind", [LineField, PlainTextField])
def test_a_field_with_nothing_to_see_is_empty(kind: type[LineField | PlainTextField]) -> None:
    field = kind(label="Why", required=False)
    assert field.clean("\u200b\u200b") == ""
    assert field.clean("as\u200btyped") == "as\u200btyped"
