"""/healthz: whether each part of the system is up, for supervisors and load balancers. Says nothing about anybody."""

from datetime import timedelta

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.models import Heartbeat

BACKGROUND = ("worker", "beat", "loop")
# One missed tick may be a restart; after the third the process counts as gone.
TICKS_UNTIL_FAILED = 3
BROKER_TIMEOUT_SECONDS = 1


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Component → "ok" or "failed"; 200 when all are up, else 503."""
    up = {"database": False, "broker": _broker_answers()} | dict.fromkeys(BACKGROUND, False)
    try:
        up |= background_shows_life()
        up["database"] = True
    except DatabaseError:
        # What the heartbeats say cannot be known either, so they stay failed.
        pass
    words = {component: "ok" if is_up else "failed" for component, is_up in up.items()}
    return JsonResponse(words, status=200 if all(up.values()) else 503)


def background_shows_life() -> dict[str, bool]:
    oldest = timezone.now() - timedelta(seconds=TICKS_UNTIL_FAILED * settings.REMINDER_TICK_SECONDS)
    alive = set(Heartbeat.objects.filter(at__gte=oldest).values_list("name", flat=True))
    return {name: name in alive for name in BACKGROUND}


def _broker_answers() -> bool:
    # Celery and the client library write the address of a Unix socket differently.
    url = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://", 1)
    try:
        with redis.Redis.from_url(
            url,
            socket_connect_timeout=BROKER_TIMEOUT_SECONDS,
            socket_timeout=BROKER_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
