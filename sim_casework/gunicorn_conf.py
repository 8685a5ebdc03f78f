"""How gunicorn runs in production; the demo passes its own arguments."""

import os

# All addresses: inside the container; compose publishes on loopback.
bind = os.environ.get("WEB_BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "2"))
timeout = 30
graceful_timeout = 20
# A worker that grew is replaced now and then, not all at the same moment.
max_requests = 10_000
max_requests_jitter = 1_000
# Bodies of uploads and keep-alive files go to memory, not to a disk that outlives the container.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# Request lines are the trail's business; an access log would be a second, unsealed one.
accesslog = None
