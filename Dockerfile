# One image for web, worker, beat, loop and migrations; compose chooses the command.
FROM python:3.13-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv
COPY requirements.production.lock .
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r requirements.production.lock

FROM python:3.13-slim-trixie
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=sim_casework.settings.production
RUN useradd --system --uid 10001 --no-create-home casework
COPY --from=build /venv /venv
WORKDIR /srv
COPY manage.py ./
COPY sim_casework sim_casework
COPY reminders reminders
COPY crisis_plans crisis_plans
COPY cases cases
COPY accounts accounts
COPY audit audit
COPY core core
COPY templates templates
# Needs no secret and no database.
RUN DJANGO_SETTINGS_MODULE=sim_casework.settings.build python manage.py collectstatic --noinput \
    && chmod -R a-w /srv
USER casework
EXPOSE 8000
CMD ["gunicorn", "--config", "sim_casework/gunicorn_conf.py", "sim_casework.wsgi:application"]
