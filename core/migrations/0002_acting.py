"""What row policies ask: the time, and who is at work in this transaction (core.acting)."""

from django.db import migrations

MAKE = """
-- The one clock of the policies. Days are London's.
CREATE FUNCTION core_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT statement_timestamp()';
CREATE FUNCTION core_today() RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT (core_now() AT TIME ZONE 'Europe/London')::date$$;

-- A setting that was never set is null; one of an earlier transaction is empty.
CREATE FUNCTION core_acting_user() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT nullif(current_setting('sim.user', true), '')::bigint$$;
CREATE FUNCTION core_is_system() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT coalesce(current_setting('sim.system', true) = 'on', false)$$;
"""
UNMAKE = """
DROP FUNCTION core_is_system();
DROP FUNCTION core_acting_user();
DROP FUNCTION core_today();
DROP FUNCTION core_now();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [migrations.RunSQL(MAKE, UNMAKE)]
