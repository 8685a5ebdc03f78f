"""Forms in NHS.UK markup: what is drawn, what is said when something is wrong, and that no typed text is lost."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.template.loader import get_template
from django.urls import path
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from core.form_fields import (
    CaseworkForm,
    CheckboxesField,
    DayField,
    LineField,
    PlainTextField,
    RadioField,
    RecentDayField,
    TimeField,
    parse_typed_day,
    parse_typed_time,
)
from core.form_rendering import error_list, relabel

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


class ContactForm(CaseworkForm):
    happened_on = RecentDayField(label="When was it?", error_messages={"required": "Say when it was"})
    at = TimeField(label="Time", required=False)
    place = RadioField(
        label="Where",
        choices=[("home", "At home"), ("other", "Somewhere else")],
        hints={"home": "Where they live now"},
        reveals={"other": "place_other"},
        required=False,
    )
    place_other = LineField(label="Which place", required=False)
    who = CheckboxesField(label="Who was there", choices=[("a", "Ada"), ("b", "Bo")], required=False)
    born = DayField(label="Date of birth", required=False, is_birthday=True)
    text = PlainTextField(label="What was said", required=False)
    agreed = forms.BooleanField(label="They agreed", required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)


class Page(HTMLParser):
    """The tags of a page, and the text of a textarea as a browser would have it."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for _, attrs in self.tags if attrs.get("name") == name]

    @property
    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _, attrs in self.tags if "id" in attrs]


def textarea_text(markup: str) -> str:
    inside = re.search(r"<textarea[^>]*>(.*?)</textarea>", markup, re.DOTALL)
    assert inside
    text = html.unescape(inside[1])
    # A browser drops the first line break after the tag.
    return text.removeprefix("\n")


def form(**data: Any) -> ContactForm:
    return ContactForm(data or None)


def messages(bound: forms.BaseForm) -> dict[str, str]:
    return {error.href: error.text for error in error_list([bound])}


# Drawing


def test_a_form_draws_itself_with_each_id_once() -> None:
    page = Page(str(form()))
    assert len(page.ids) == len(set(page.ids))
    assert {
        "id_happened_on",
        "id_happened_on_other",
        "id_place",
        "id_place-2",
        "id_born_day",
        "id_text",
    } <= set(page.ids)


def test_every_label_leads_to_an_input() -> None:
    page = Page(str(form()))
    targets = [attrs["for"] for tag, attrs in page.tags if tag == "label"]
    inputs = {attrs.get("id") for tag, attrs in page.tags if tag in {"input", "textarea", "select"}}
    assert targets
    assert set(targets) <= inputs


def test_a_revealed_field_is_drawn_inside_its_option_and_nowhere_else() -> None:
    markup = str(form())
    assert markup.count('name="place_other"') == 1
    assert markup.index('id="conditional-id_place-2"') < markup.index('name="place_other"')


def test_a_field_can_be_drawn_by_itself() -> None:
    assert 'class="nhsuk-input' in form()["at"].as_field_group()


def test_hints_are_tied_to_their_input() -> None:
    page = Page(str(form()))
    (home,) = [attrs for attrs in page.named("place") if attrs["value"] == "home"]
    assert home["aria-describedby"] in page.ids


def test_the_browser_does_not_get_to_refuse_before_our_own_words() -> None:
    assert " required" not in str(ContactForm(data={}))


def test_a_form_of_several_forms_draws_every_one() -> None:
    formset = forms.formset_factory(ContactForm, extra=2)()
    markup = str(formset)
    assert 'name="form-0-text"' in markup
    assert 'name="form-1-text"' in markup
    assert 'name="form-TOTAL_FORMS"' in markup


def test_hidden_inputs_are_kept() -> None:
    assert Page(str(ContactForm(initial={"version": 3}))).named("version") == [
        {"type": "hidden", "name": "version", "value": "3", "id": "id_version"}
    ]


# Keeping what was typed


def test_a_wrong_form_shows_what_was_typed() -> None:
    bound = form(
        happened_on_choice="other",
        happened_on_other="31/2",
        at="25:00",
        place="other",
        place_other="the “Swan”",
        who="b",
        born_day="31",
        born_month="",
        born_year="85",
        text="line one",
        agreed="on",
    )
    assert not bound.is_valid()
    page = Page(str(bound))
    shown = {
        name: page.named(name)[0]["value"] for name in ("happened_on_other", "at", "place_other", "born_year")
    }
    assert shown == {
        "happened_on_other": "31/2",
        "at": "25:00",
        "place_other": "the “Swan”",
        "born_year": "85",
    }
    ticked = {(attrs["name"], attrs["value"]) for _, attrs in page.tags if "checked" in attrs}
    assert ticked == {("happened_on_choice", "other"), ("place", "other"), ("who", "b"), ("agreed", "on")}


HOSTILE = [
    "<script>alert(1)</script>",
    "</textarea><img src=x onerror=alert(1)>",
    "\n\n  first line is empty\n    and this is indented\n",
    "&amp; stays &amp;",
    "مرحبا \u202eabc",
    "🙂👩🏽‍⚕️",
    "{{ 7 * 7 }} {% raw %}",
]


@pytest.mark.parametrize("typed", HOSTILE)
def test_hostile_text_comes_back_exactly_and_inert(typed: str) -> None:
    markup = str(form(text=typed, at="wrong"))
    assert textarea_text(markup) == typed
    assert "<script>" not in markup
    assert "<img" not in markup


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), min_size=1))
def test_any_text_survives_the_way_to_the_page_and_back(typed: str) -> None:
    bound = form(text=typed)
    assert textarea_text(bound["text"].as_field_group()) == typed


def test_windows_line_ends_become_one_kind() -> None:
    bound = form(happened_on_choice="today", text="a\r\nb\rc\n")
    assert bound.is_valid()
    assert bound.cleaned_data["text"] == "a\nb\nc\n"


def test_spaces_and_empty_lines_are_stored_as_typed() -> None:
    typed = "\n  He said:\n\n\t“no”  \n"
    bound = form(happened_on_choice="today", text=typed)
    assert bound.is_valid()
    assert bound.cleaned_data["text"] == typed


def test_nul_is_refused_in_words() -> None:
    bound = form(happened_on_choice="today", text="a\x00b", place_other="c\x00d")
    assert messages(bound) == {
        "#id_text": "What was said contains a character that cannot be stored (NUL). Delete it and try again",
        "#id_place_other": "Which place contains a character that cannot be stored (NUL). Delete it and try again",
    }
    assert "\x00" not in str(bound)


def test_more_than_a_megabyte_is_refused_in_words_and_a_megabyte_is_taken() -> None:
    assert form(happened_on_choice="today", text="x" * 1_000_000).is_valid()
    bound = form(happened_on_choice="today", text="é" * 700_000)
    assert messages(bound)["#id_text"].startswith(
        "What was said is too long: 1.4 MB, and 1 MB can be stored."
    )


# Saying what is wrong


def test_a_required_field_without_words_of_its_own_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"Careless\.name is required and needs an error message"):
        type("Careless", (CaseworkForm,), {"name": forms.CharField()})


def test_a_required_field_may_be_inherited_with_its_words() -> None:
    class Careful(ContactForm):
        name = forms.CharField(error_messages={"required": "Enter the name"})

    assert messages(Careful({"happened_on_choice": "today"})) == {"#id_name": "Enter the name"}


def test_a_librarys_default_message_is_put_into_words() -> None:
    class Library(forms.Form):
        code = forms.CharField()
        agree = forms.BooleanField()

    bound = relabel(Library({}), code="Code from your app", agree="I agree")
    assert messages(bound) == {"#id_code": "Enter the code from your app", "#id_agree": "Tick “I agree”"}
    assert "This field is required" not in str(bound)


def test_each_message_leads_to_the_first_input_of_its_field() -> None:
    bound = form(at="later", born_day="1", born_month="13", born_year="1985")
    page = Page(str(bound))
    hrefs = list(messages(bound))
    assert hrefs == ["#id_happened_on", "#id_at", "#id_born_month"]
    assert {href.removeprefix("#") for href in hrefs} <= set(page.ids)


def test_only_the_wrong_part_of_a_date_is_marked() -> None:
    page = Page(str(form(born_day="1", born_month="13", born_year="1985")["born"].as_field_group()))
    marked = [attrs["name"] for tag, attrs in page.tags if "nhsuk-input--error" in str(attrs.get("class"))]
    assert marked == ["born_month"]


def test_an_error_about_the_whole_form_has_no_address() -> None:
    bound = form(happened_on_choice="today")
    bound.add_error(None, "The visit was changed by somebody else")
    assert messages(bound) == {"": "The visit was changed by somebody else"}


# Days and times as people type them


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("21/11", date(2026, 11, 21)),
        ("22/11", date(2025, 11, 22)),
        ("21/11/2025", date(2025, 11, 21)),
        ("21.11.25", date(2025, 11, 21)),
        ("1 3", date(2026, 3, 1)),
        ("2nd March", date(2026, 3, 2)),
        ("2 mar 2024", date(2024, 3, 2)),
        ("2026-01-31", date(2026, 1, 31)),
        ("29/2", date(2024, 2, 29)),
        ("31/2", None),
        ("11", None),
        ("yesterday", None),
        ("21/13", None),
        ("1 ma", None),
        ("٢١/١١", None),
    ],
)
def test_a_typed_day_is_the_last_such_day(typed: str, meant: date | None) -> None:
    assert parse_typed_day(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("14:05", time(14, 5)),
        ("1405", time(14, 5)),
        ("14.05", time(14, 5)),
        ("9", time(9)),
        ("2pm", time(14)),
        ("2:30 PM", time(14, 30)),
        ("12am", time(0)),
        ("12 pm", time(12)),
        ("13pm", None),
        ("24:00", None),
        ("9:60", None),
        ("noon", None),
    ],
)
def test_a_typed_time_is_understood(typed: str, meant: time | None) -> None:
    assert parse_typed_time(typed) == meant


@pytest.mark.parametrize(
    ("choice", "other", "meant"),
    [
        ("today", "", date(2026, 11, 21)),
        ("yesterday", "", date(2026, 11, 20)),
        ("other", "1/11", date(2026, 11, 1)),
        ("", "1/11", date(2026, 11, 1)),
    ],
)
def test_a_recent_day_is_chosen_or_typed(choice: str, other: str, meant: date) -> None:
    bound = form(happened_on_choice=choice, happened_on_other=other)
    assert bound.is_valid(), bound.errors
    assert bound.cleaned_data["happened_on"] == meant


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("", "Enter the date, for example 21/11"),
        ("31/2", "The date must be a real date, for example 21/11 or 21/11/2026"),
        ("22/11/2026", "The date must be today or in the past"),
    ],
)
def test_a_recent_day_is_refused_in_words(other: str, words: str) -> None:
    assert messages(form(happened_on_choice="other", happened_on_other=other)) == {"#id_happened_on": words}


def test_today_is_chosen_on_a_new_form_and_another_day_when_it_was_one() -> None:
    assert 'value="today" checked' in str(form()["happened_on"].as_field_group())
    older = ContactForm(initial={"happened_on": date(2026, 11, 1)})
    page = Page(older["happened_on"].as_field_group())
    assert page.named("happened_on_other")[0]["value"] == "1/11/2026"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("31", "2", "1985"), "Date of birth must be a real date"),
        (("31", "", "1985"), "Date of birth must include a month"),
        (("", "", "1985"), "Date of birth must include a day and a month"),
        (("0", "2", "1985"), "Date of birth must have a day between 1 and 31"),
        (("1", "x", "1985"), "Date of birth must have a month between 1 and 12"),
        (("1", "2", "85"), "Date of birth must have a year of 4 numbers, for example 1985"),
        (("1", "2", "1850"), "Date of birth must be 1 January 1900 or later"),
    ],
)
def test_a_wrong_date_says_what_is_wrong(typed: tuple[str, str, str], words: str) -> None:
    day, month, year = typed
    bound = form(happened_on_choice="today", born_day=day, born_month=month, born_year=year)
    assert list(messages(bound).values()) == [words]


def test_a_date_takes_the_name_of_a_month() -> None:
    bound = form(happened_on_choice="today", born_day="2", born_month="Nov", born_year="1985")
    assert bound.is_valid()
    assert bound.cleaned_data["born"] == date(1985, 11, 2)


def test_a_date_may_not_lie_beyond_its_bound() -> None:
    class Booking(CaseworkForm):
        on = DayField(label="Day", latest=lambda: date(2026, 11, 21), required=False)

    assert messages(Booking({"on_day": "22", "on_month": "11", "on_year": "2026"})) == {
        "#id_on_day": "Day must be today or in the past"
    }


def test_an_untouched_form_has_not_changed() -> None:
    initial = {"happened_on": date(2026, 11, 20), "born": date(1985, 2, 1), "at": time(9, 5)}
    same = {
        "happened_on_choice": "yesterday",
        "happened_on_other": "",
        "born_day": "1",
        "born_month": "2",
        "born_year": "1985",
        "at": "09:05",
    }
    assert ContactForm(same, initial=initial).changed_data == []
    assert ContactForm(same | {"born_day": "2"}, initial=initial).changed_data == ["born"]


# The pages around a form

urlpatterns: list[Any] = [path("help/", lambda request: None, name="help")]


@pytest.mark.urls(__name__)
def test_the_layout_names_errors_in_title_and_summary() -> None:
    template = get_template("layouts/entrance.jinja", using="jinja")
    markup = template.render({"form": form(at="late")})
    assert "<title>Error: " in markup
    assert '<a href="#id_at">Time must be a time, for example 14:05 or 2pm</a>' in markup


@pytest.mark.urls(__name__)
def test_a_page_has_no_inline_script_or_style() -> None:
    template = get_template("layouts/entrance.jinja", using="jinja")
    markup = template.render({"form": form(at="late")})
    assert re.findall(r"<script(?![^>]*\bsrc=)", markup) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", markup) == []


def test_a_misspelt_name_in_a_template_fails() -> None:
    environment = get_template("layouts/entrance.jinja", using="jinja").template.environment  # type: ignore[attr-defined]
    with pytest.raises(UndefinedError):
        environment.from_string("{{ patinet }}").render()
