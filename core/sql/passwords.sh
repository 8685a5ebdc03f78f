#!/bin/sh
# Runs once, when compose first makes the database: gives the two sign-in roles their passwords from the environment.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set=app="$DATABASE_PASSWORD" --set=owner="$DATABASE_OWNER_PASSWORD" <<'SQL'
ALTER ROLE sim_app PASSWORD :'app';
ALTER ROLE sim_owner PASSWORD :'owner';
SQL
