"""Finds canaries in bytes, however they were written down: escaped, quoted, spaced, packed."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import html
import io
import re
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterator

from core.formatting import MONTHS
from sim_casework.proving.canaries import Canaries, Canary

_WORD = re.compile(r"zx\d{5}q|sc-[0-9a-z]{6}")
_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DIGITS = re.compile(r"(?<!\d)\d{10,11}(?!\d)")
_SPACED = re.compile(r"(?<=\d)[ \u00a0-]+(?=\d)")
_DAY = re.compile(r"(?<!\d)(\d{1,2}) (" + "|".join(m[:3].lower() for m in MONTHS) + r")[a-z]* (\d{4})")
_ISO_DAY = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_=-]{24,}")
_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
# Anything else has to be taught here before it may leave: the walk fails on a kind it cannot read.
_READABLE = re.compile(
    r"text/|application/(json|javascript|fhir\+json|xml|pdf|zip|vnd\.openxmlformats)|image/svg|$"
)


def is_readable(content_type: str) -> bool:
    return _READABLE.match(content_type) is not None


def find(content: bytes, canaries: Canaries) -> set[Canary]:
    """Every canary in the bytes."""
    found: set[Canary] = set()
    for part in _unpacked(content):
        for text in _as_texts(part):
            found |= _in_text(text, canaries)
    return found


def find_sent(sent: str, canaries: Canaries) -> set[Canary]:
    """Every canary in what a browser sent, dates in three fields among them."""
    typed = urllib.parse.parse_qs(sent.partition(" ")[2])
    days = {
        " ".join([*typed.get(f"{name[:-4]}_day", []), month, *typed.get(f"{name[:-4]}_year", [])])
        for name in typed
        if name.endswith("_day")
        for number in typed.get(f"{name[:-4]}_month", [])
        if len(number) <= 2 and number.isdecimal() and 1 <= int(number) <= 12
        for month in [MONTHS[int(number) - 1]]
    }
    return find("\n".join([urllib.parse.unquote_plus(sent), *days]).encode(), canaries)


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    if content.startswith(b"\x1f\x8b"):
        yield zlib.decompress(content, wbits=31)
    if content.startswith(b"%PDF"):
        for stream in _PDF_STREAM.findall(content):
            try:
                yield zlib.decompress(stream)
            except zlib.error:
                yield stream


def _as_texts(content: bytes) -> Iterator[str]:
    text = content.decode("utf-8", "replace")
    yield text.casefold()
    for variant in (html.unescape(text), urllib.parse.unquote_plus(text)):
        if variant != text:
            yield variant.casefold()
    if "\\u" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text).casefold()
    for packed in _BASE64.findall(content):
        try:
            raw = base64.urlsafe_b64decode(packed.replace(b"+", b"-").replace(b"/", b"_") + b"==")
        except (binascii.Error, ValueError):
            continue
        yield raw.decode("utf-8", "ignore").casefold()


def _in_text(text: str, canaries: Canaries) -> set[Canary]:
    found = {canaries.words.get(word) for word in _WORD.findall(text)}
    if canaries.keys:
        found |= {canaries.keys.get(key) for key in _KEY.findall(text)}
    for written in (text, _SPACED.sub("", text)):
        found |= {canaries.digits.get(digits) for digits in _DIGITS.findall(written)}
    found |= {canaries.days.get(on) for on in _days(text)}
    return {canary for canary in found if canary is not None}


def _days(text: str) -> Iterator[dt.date]:
    months = [month[:3].lower() for month in MONTHS]
    told = [(year, months.index(month) + 1, day) for day, month, year in _DAY.findall(text)]
    for year, month, day in [*told, *_ISO_DAY.findall(text)]:
        try:
            yield dt.date(int(year), int(month), int(day))
        except ValueError:
            continue
