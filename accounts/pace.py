"""How fast somebody may open pages: faster than any hand, slower than a script that empties a caseload."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_MINUTE = 60


class PaceMiddleware:
    """Answers 429 for the rest of the minute to whoever has asked REQUESTS_PER_MINUTE times in it (0: never).

    Counted by account and by each web process for itself, in memory: no page pays a statement for it, and with four
    processes the limit is up to four times as high. It stands inside the trail, which notes the refusals.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.REQUESTS_PER_MINUTE:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.lock = threading.Lock()
        self.minute = 0
        self.asked: Counter[int] = Counter()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: object) -> HttpResponse | None:
        key = request.user.pk
        if key is None or self._count(key) <= settings.REQUESTS_PER_MINUTE:
            return None
        answer = render(request, "429.jinja", status=429)
        answer["Retry-After"] = str(_MINUTE)
        return answer

    def _count(self, key: int) -> int:
        minute = int(time.time() // _MINUTE)
        with self.lock:
            if minute != self.minute:
                self.minute, self.asked = minute, Counter()
            self.asked[key] += 1
            return self.asked[key]
