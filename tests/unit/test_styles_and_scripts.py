"""What the browser is given by us: nothing fetched from elsewhere, nobody else's name, font or logo."""

import re

from django.conf import settings

SHIPPED = settings.BASE_DIR / "core" / "static" / "core"


def test_nothing_is_fetched_from_another_origin() -> None:
    styles = (SHIPPED / "app.css").read_text()
    assert "@font-face" not in styles
    assert "@import" not in styles
    for address in re.findall(r"url\(\"?([^\")]+)", styles):
        assert (SHIPPED / address).is_file(), address


def test_pages_are_set_in_arial() -> None:
    styles = (SHIPPED / "app.css").read_text()
    assert re.search(r"html\{font-family:arial,sans-serif\}", styles)
    assert "frutiger" not in styles.lower()


def test_scripts_keep_nothing_in_the_browser() -> None:
    for script in SHIPPED.glob("*.js"):
        assert not re.search(
            r"(local|session)Storage\??\.setItem|indexedDB|document\.cookie", script.read_text()
        )


def test_the_licence_of_what_is_built_in_goes_with_it() -> None:
    for name in ("app.css", "app.js"):
        assert "NOTICES.md" in (SHIPPED / name).read_text()[:200]
    notices = (settings.BASE_DIR / "NOTICES.md").read_text()
    for library in ("NHS.UK frontend", "htmx", "django-allauth"):
        assert library in notices
