-- Run once per cluster by a superuser, then once inside the database (both parts may be run again).
-- The application's role owns nothing and bypasses nothing; the owner's role only migrates.
-- Passwords are set by the operator (ALTER ROLE … PASSWORD …), never here.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sim_owner') THEN
        CREATE ROLE sim_owner LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sim_app') THEN
        CREATE ROLE sim_app LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sim_sealer') THEN
        CREATE ROLE sim_sealer LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sim_backup') THEN
        CREATE ROLE sim_backup LOGIN BYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sim_lookup') THEN
        CREATE ROLE sim_lookup NOLOGIN BYPASSRLS;
    END IF;
    -- For people at a database prompt, each with a login of their own in this group. No policy lets it see a row about a
    -- patient, and it has no right on the trail: whoever has a reason to read one opens it in the application.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sim_reader') THEN
        CREATE ROLE sim_reader NOLOGIN;
    END IF;
    -- Functions of the look-up role are made by the owner on its behalf.
    GRANT sim_lookup TO sim_owner;
    GRANT pg_read_all_data TO sim_backup;
    -- A page that takes longer is of no use to anybody, and would keep others waiting.
    ALTER ROLE sim_app SET statement_timeout = '60s';
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO sim_owner;
GRANT USAGE ON SCHEMA public TO sim_app, sim_sealer, sim_backup, sim_reader;
-- It owns the look-up functions; nobody signs in as this role, so nobody creates anything else with it.
GRANT USAGE, CREATE ON SCHEMA public TO sim_lookup;
ALTER DEFAULT PRIVILEGES FOR ROLE sim_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO sim_app;
ALTER DEFAULT PRIVILEGES FOR ROLE sim_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO sim_app;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
