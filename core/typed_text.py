"""What somebody else will see of a text that was typed."""

import unicodedata

# Letters by their category that are drawn as nothing: Hangul fillers and the blank of Braille.
_BLANK = {"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}


def visible_text(text: str) -> str:
    """The text without characters that are drawn as nothing, its runs of spaces and line ends one space each.

    For asking whether anything was said, and how much; what is stored stays as it was typed.
    """
    kept = (
        character
        for character in text
        if character not in _BLANK and (character.isspace() or unicodedata.category(character)[0] != "C")
    )
    return " ".join("".join(kept).split())
