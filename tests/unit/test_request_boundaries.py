"""Where one request ends and the next begins: the web server takes no message that two readers could cut differently."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser

from sim_casework import gunicorn_conf

LINE = b"POST /account/login/ HTTP/1.1\r\nHost: casework.example.org\r\n"
BODY = b"\r\n5\r\nlogin\r\n0\r\n\r\nGET /patients/ HTTP/1.1\r\nHost: casework.example.org\r\n\r\n"


def requests_in(message: bytes) -> list[bytes]:
    """The bodies that gunicorn's own parser reads from one connection."""
    bodies = []
    for request in RequestParser(Config(), iter([message]), ("127.0.0.1", 1)):
        bodies.append(request.body.read())
        if request.should_close():
            break
    return bodies


def test_our_configuration_relaxes_nothing_of_it() -> None:
    relaxed = {
        "permit_obsolete_folding",
        "permit_unconventional_http_method",
        "permit_unconventional_http_version",
    }
    relaxed |= {"casefold_http_method", "tolerate_dangerous_framing", "header_map", "forwarded_allow_ips"}
    assert relaxed & set(vars(gunicorn_conf)) == set()


def test_a_plain_request_is_read() -> None:
    assert requests_in(LINE + b"Content-Length: 5\r\n\r\nlogin") == [b"login"]


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 40\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5\r\n Transfer-Encoding: chunked\r\n",
    ],
)
def test_an_ambiguous_length_is_refused(headers: bytes) -> None:
    with pytest.raises(ParseException):
        requests_in(LINE + headers + BODY)


def test_a_header_that_could_pass_for_another_is_left_out() -> None:
    message = LINE + b"X_Forwarded_For: 1.2.3.4\r\nContent-Length: 0\r\n\r\n"
    (request,) = RequestParser(Config(), iter([message]), ("127.0.0.1", 1))
    assert not [name for name, _ in request.headers if "FORWARDED" in name]
