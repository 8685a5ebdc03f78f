"""Only for collecting static files into an image: no secret, no database, nothing to serve."""

from sim_casework.settings.base import *  # noqa: F403

SECRET_KEY = "only-for-collectstatic"  # noqa: S105
