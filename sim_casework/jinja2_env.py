"""The Jinja environment of all pages: what every template may use without being given it."""

import tomllib
from collections.abc import Callable, MutableMapping
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import json_script
from jinja2 import (
    ChainableUndefined,
    Environment,
    PackageLoader,
    StrictUndefined,
    Template,
)

from core import form_rendering, formatting
from core.addresses import address
from crisis_plans.wording import EMERGENCY_TEXT


class CaseworkEnvironment(Environment):
    """Our templates fail on a misspelt name. The NHS.UK macros lean on chained undefined values,
    so they are compiled in an environment of their own that shares these globals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.nhsuk = Environment(
            loader=PackageLoader("nhsuk_frontend_jinja"),
            undefined=ChainableUndefined,
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=-1,
        )
        # The same dict: otherwise Jinja would build every imported macro anew on each page.
        self.nhsuk.globals = self.globals

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> Template:
        if isinstance(name, str) and name.startswith("nhsuk/"):
            return self.nhsuk.get_template(name, parent, globals)
        return super().get_template(name, parent, globals)


def environment(**options: Any) -> CaseworkEnvironment:
    options |= {"autoescape": True, "undefined": StrictUndefined, "cache_size": -1}
    made = CaseworkEnvironment(trim_blocks=True, lstrip_blocks=True, **options)
    made.globals.update(_globals())
    made.filters.update(FILTERS)
    return made


def url(name: str, *args: Any, **kwargs: Any) -> str:
    if args or kwargs:
        return reverse(name, args=args or None, kwargs=kwargs or None)
    return address(name)


def optional_url(name: str, *args: Any) -> str:
    """Empty where this installation has no such page, for example the demo's."""
    try:
        return reverse(name, args=args) if args else address(name)
    except NoReverseMatch:
        return ""


def navigation(request: HttpRequest) -> list[Any]:
    """The links at the top of every page."""
    # Imported late: this module is loaded with the settings, before there are models.
    from sim_casework.pages.navigation import items

    return list(items(request))


def now() -> datetime:
    return timezone.localtime()


@cache
def version() -> str:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _globals() -> dict[str, Any]:
    return {
        "static": static,
        "url": url,
        "optional_url": optional_url,
        "navigation": navigation,
        "now": now,
        "version": version,
        "service_name": settings.SERVICE_NAME,
        "operator_name": settings.OPERATOR_NAME,
        "plan_emergency_text": EMERGENCY_TEXT,
        "is_demo": settings.DEMO,
        "session_warning_seconds": settings.SESSION_WARNING_SECONDS,
        "counted": formatting.counted,
        "nhs_field": form_rendering.nhs_field,
        "standalone_fields": form_rendering.standalone_fields,
        "error_list": form_rendering.error_list,
        "relabel": form_rendering.relabel,
    }


FILTERS: dict[str, Callable[..., str]] = {
    "day": formatting.day,
    "short_day": formatting.short_day,
    "weekday": formatting.weekday,
    "time": formatting.clock_time,
    "moment": formatting.moment,
    "relative_day": formatting.relative_day,
    "due": formatting.due,
    "age": formatting.age,
    "duration": formatting.duration,
    "phone": formatting.phone,
    "phone_href": formatting.phone_href,
    "nhs_number": formatting.nhs_number,
    "reference": formatting.reference,
    "json_script": json_script,
}
