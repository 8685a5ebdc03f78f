"""What our code does not do: run text as code, read what can run as code, start programs, call out, hash weakly.

Each exemption names its module and its reason, and fails when it is no longer needed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import ROOT, Source, sources

# Modules nobody imports: (why, {our module: its reason}).
IMPORTS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "text that becomes objects or code": (
        ("pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "code", "codeop"),
        {},
    ),
    "markup that may name other files": (("xml", "lxml", "defusedxml", "html5lib", "bs4"), {}),
    "other programs": (
        ("subprocess", "pty", "popen2", "commands"),
        {
            "sim_casework.devstack.postgres": "the demo's own PostgreSQL, by fixed lists of arguments",
            "sim_casework.devstack.service_user": "asks as which user that PostgreSQL can run",
            "sim_casework.devstack.children": "starts and ends the demo's processes",
            "sim_casework.proving.scratch": "manage.py itself, for the prover's own database",
        },
    ),
    "calls to other machines": (
        (
            "requests",
            "httpx",
            "aiohttp",
            "urllib3",
            "http.client",
            "urllib.request",
            "socket",
            "ftplib",
            "paramiko",
        ),
        {
            "sim_casework.health_check": "asks its own container's web process on 127.0.0.1",
            "sim_casework.devstack.claims": "finds out whether a port of this computer is free",
            "sim_casework.devstack.supervisor": "asks the demo's web process on 127.0.0.1",
        },
    ),
    "numbers that can be foretold": (("random",), {}),
    "directories and documents of other systems": (
        ("ldap", "ldap3", "memcache", "pymemcache", "pylatex"),
        {},
    ),
    "shared secrets as identity": (("jwt", "jose", "authlib", "oauthlib"), {}),
}
# Calls nobody makes, by the last part of their name.
CALLS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "text run as code": (("eval", "exec", "compile", "__import__"), {}),
    "a shell": (("system", "popen", "getoutput"), {}),
    "a template made of text": (("from_string", "Template"), {}),
    "weak hashes": (
        ("md5", "sha1"),
        {
            "accounts.password_rules": "the published list of breached passwords is kept by SHA-1; nothing is protected by it"
        },
    ),
    "text taken for markup": (
        ("mark_safe", "Markup"),
        {"core.form_rendering": "text it has escaped in the same line, and fields that drew themselves"},
    ),
    "objects filled from whatever was sent": (
        ("setattr",),
        {
            "cases.services.visits": "the columns of a typed plan of a visit",
            "cases.services.patients": "the columns of typed patient details",
            "cases.services.contacts": "the columns of typed facts",
            "cases.services.signed_contacts": "four fields named in the function",
            "crisis_plans.services.drafting": "the columns of typed plan content",
            "core.access_guard": "puts the guard around the driver's own cursor",
            "core.prepared": "the annotations that a query set names itself",
        },
    ),
}
MODULE_OF_COMPILE = "re"


def _imports(names: tuple[str, ...]) -> set[str]:
    def is_meant(imported: str) -> bool:
        return any(imported == name or imported.startswith(f"{name}.") for name in names)

    return {s.module for s in sources() if any(is_meant(imported) for imported in s.imports())}


def _calls(names: tuple[str, ...]) -> set[str]:
    return {s.module for s in sources() if any(_is_call_of(s, names))}


def _is_call_of(source: Source, names: tuple[str, ...]) -> Iterator[bool]:
    for name, call in source.calls():
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        is_pattern = name == "compile" and isinstance(owner, ast.Name) and owner.id == MODULE_OF_COMPILE
        yield name in names and not is_pattern


@pytest.mark.parametrize("what", IMPORTS)
def test_nothing_is_imported_that_does(what: str) -> None:
    names, exempted = IMPORTS[what]
    assert _imports(names) == set(exempted)


@pytest.mark.parametrize("what", CALLS)
def test_nothing_is_called_that_does(what: str) -> None:
    names, exempted = CALLS[what]
    assert _calls(names) == set(exempted)


def test_every_exemption_says_why() -> None:
    reasons = [reason for _, exempted in (*IMPORTS.values(), *CALLS.values()) for reason in exempted.values()]
    assert all(len(reason.split()) >= 4 for reason in reasons)


def test_this_test_would_notice() -> None:
    text = "import pickle\nfrom urllib import request\nimport http.client\neval('1')\nx.from_string('')\nhashlib.md5()\n"
    source = Source("probe", ROOT / "probe.py", ast.parse(text + "re.compile('a')\n"))
    assert {"pickle", "urllib.request", "http.client"} <= source.imports()
    called = {name for name, _ in source.calls()}
    assert {"eval", "from_string", "md5"} <= called
    assert not any(_is_call_of(Source("p", ROOT, ast.parse("re.compile('a')")), ("compile",)))
    assert any(_is_call_of(Source("p", ROOT, ast.parse("compile('a', '', 'exec')")), ("compile",)))


def test_no_form_takes_every_field_of_a_model() -> None:
    """A field that a form does not name cannot be set through it."""
    wrong = [s.module for s in sources() if "ModelForm" in s.names() or "modelform_factory" in s.names()]
    assert not wrong


def test_no_template_takes_typed_text_for_markup() -> None:
    """``safe`` stands behind text of the template itself, and behind the QR code that the library drew."""
    allowed = {
        "components/navigation.jinja": "' aria-current=\"page\"' | safe",
        "components/header.jinja": "' aria-current=\"page\"' | safe",
        "mfa/totp/activate_form.jinja": "totp_svg | replace",
    }
    templates = ROOT / "templates"
    found = {}
    for path in templates.rglob("*.jinja"):
        for line in path.read_text().splitlines():
            if re.search(r"\|\s*safe\b|autoescape\s+false", line):
                found[str(path.relative_to(templates))] = line
    assert set(found) == set(allowed)
    assert all(allowed[name] in line for name, line in found.items())


def test_scripts_write_text_as_text_and_merge_nothing_they_were_sent() -> None:
    dangerous = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|__proto__|Object\.assign"
        r"|\.prototype\b|window\.postMessage|\.parent\.postMessage|javascript:"
    )
    scripts = list((ROOT / "frontend").rglob("*.js"))
    scripts = [path for path in scripts if "node_modules" not in path.parts]
    assert scripts
    assert not [
        (p.name, line) for p in scripts for line in p.read_text().splitlines() if dangerous.search(line)
    ]
