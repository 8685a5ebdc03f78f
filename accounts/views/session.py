"""What a page asks by itself: when the session will end."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import session_clock


@login_not_required
@require_http_methods(["GET", "POST"])
def session(request: HttpRequest) -> HttpResponse:
    """GET tells when the session ends without extending it, POST extends it; 401 when it is over."""
    if not request.user.is_authenticated:
        return JsonResponse({"signed_out": True}, status=401)
    if request.method == "POST":
        session_clock.extend(request.session, at_once=True)
    return JsonResponse(
        {
            "ends_at": session_clock.ends_at(request.session).isoformat(),
            "now": timezone.now().isoformat(),
            "user": str(request.user.pk),
            "csrf_token": get_token(request),
        }
    )
