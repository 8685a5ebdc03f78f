"""The write backstop: the database itself notes each change of a watched table, and compares the notes with the trail.

Made by hand like the trail's own tables (0001). Which tables are watched is said by the migrations of their apps, with
``audit.watching.watch_rows``. The application may read the notes and ask for the comparison; it can write neither.
"""

from django.db import migrations, models

TABLES = """
CREATE SEQUENCE audit_rowchange_id_seq AS bigint;
CREATE TABLE audit_rowchange (
    id bigint NOT NULL DEFAULT nextval('audit_rowchange_id_seq'),
    at timestamptz NOT NULL DEFAULT statement_timestamp(),
    table_name varchar(63) NOT NULL,
    row_key varchar(255) NOT NULL,
    operation varchar(8) NOT NULL CHECK (operation IN ('insert', 'update', 'delete', 'truncate')),
    is_derived boolean NOT NULL,
    xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    database_role varchar(63) NOT NULL DEFAULT session_user,
    request_id uuid NULL DEFAULT (nullif(current_setting('sim.request', true), '')::uuid),
    patient_id uuid NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
ALTER SEQUENCE audit_rowchange_id_seq OWNED BY audit_rowchange.id;
-- Numbers of transactions grow as rows are added, so a few bytes for each block of rows find them again.
CREATE INDEX audit_rowchange_by_xid ON audit_rowchange USING brin (xid) WITH (pages_per_range = 32);
CREATE INDEX audit_logentry_by_xid ON audit_logentry USING brin (xid) WITH (pages_per_range = 32);
CREATE TABLE audit_rowchange_default PARTITION OF audit_rowchange DEFAULT;

-- One row: how far changes and entries have been compared.
CREATE TABLE audit_comparison (
    id smallint PRIMARY KEY CHECK (id = 1),
    started_at timestamptz NOT NULL,
    ran_at timestamptz NOT NULL,
    -- Everything committed before this moment has been compared.
    compared_until timestamptz NOT NULL,
    -- Transactions below this number have been compared; all of them were over.
    xid bigint NOT NULL,
    cluster bigint NOT NULL,
    last_change bigint NOT NULL DEFAULT 0,
    last_entry bigint NOT NULL DEFAULT 0,
    -- Up to these keys, rows come from before a restore, when transactions had other numbers.
    floor_change bigint NOT NULL DEFAULT 0,
    floor_entry bigint NOT NULL DEFAULT 0
);
INSERT INTO audit_comparison (id, started_at, ran_at, compared_until, xid, cluster)
SELECT 1, statement_timestamp(), statement_timestamp(), statement_timestamp(),
       pg_current_xact_id()::text::bigint, system_identifier FROM pg_control_system();

-- What did not match. Rows are added, never changed, and outlive the partitions of what they were found in.
CREATE TABLE audit_unexplainedchange (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    found_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    kind varchar(20) NOT NULL CHECK (kind IN ('no entry', 'maintenance', 'no change')),
    at timestamptz NOT NULL,
    table_name varchar(63) NOT NULL,
    row_key varchar(255) NOT NULL,
    operation varchar(8) NOT NULL,
    xid bigint NOT NULL,
    database_role varchar(63) NOT NULL,
    request_id uuid NULL,
    patient_id uuid NULL,
    -- The row of audit_rowchange, or for 'no change' of audit_logentry.
    source_id bigint NOT NULL,
    UNIQUE (source_id, kind)
);
CREATE INDEX audit_unexplainedchange_newest ON audit_unexplainedchange (at DESC, id DESC);

REVOKE ALL ON audit_rowchange, audit_rowchange_default, audit_comparison, audit_unexplainedchange FROM sim_app;
REVOKE ALL ON SEQUENCE audit_rowchange_id_seq, audit_unexplainedchange_id_seq FROM sim_app;
GRANT SELECT ON audit_rowchange, audit_comparison, audit_unexplainedchange TO sim_app, sim_sealer;
"""

PARTITIONS = """
CREATE OR REPLACE FUNCTION audit_add_partitions(months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first_day date;
    parent text;
    part text;
BEGIN
    FOR step IN 0 .. least(months, 24) LOOP
        first_day := (date_trunc('month', statement_timestamp()) + make_interval(months => step))::date;
        FOREACH parent IN ARRAY ARRAY[{tables}] LOOP
            part := parent || to_char(first_day, '_YYYY_MM');
            IF to_regclass('public.' || part) IS NULL THEN
                BEGIN
                    EXECUTE format(
                        'CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                        part, parent, first_day, (first_day + interval '1 month')::date);
                    EXECUTE format('REVOKE ALL ON public.%I FROM sim_app', part);
                EXCEPTION WHEN check_violation THEN
                    RAISE WARNING '% stays in the default partition: it has rows there already', part;
                END;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
"""
TRAIL_TABLES = "'audit_logentry', 'audit_entrysubject'"

# Each watched table has a function of its own: reading the columns by name costs less than turning rows into JSON.
WATCH = """
CREATE FUNCTION audit_watch(watched regclass, key_column text, patient_column text, unnoted text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $watch$
DECLARE
    called text := relname FROM pg_class WHERE oid = watched;
    note text := 'audit_note_' || called;
    patient text := CASE WHEN patient_column IS NULL THEN 'NULL::uuid' ELSE '%1$s.' || quote_ident(patient_column) END;
    insertion text := format(
        'INSERT INTO public.audit_rowchange (table_name, row_key, operation, is_derived, patient_id)'
        ' VALUES (%L, %%1$s.%I::text, lower(TG_OP), pg_trigger_depth() > 1, %s);',
        called, key_column, patient);
BEGIN
    EXECUTE format($body$
        CREATE OR REPLACE FUNCTION public.%1$I() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $note$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                %2$s
            ELSIF TG_OP = 'TRUNCATE' THEN
                INSERT INTO public.audit_rowchange (table_name, row_key, operation, is_derived)
                VALUES (TG_TABLE_NAME, '', 'truncate', pg_trigger_depth() > 1);
            ELSE
                %3$s
            END IF;
            RETURN NULL;
        END $note$
    $body$, note, format(insertion, 'OLD'), format(insertion, 'NEW'));
    EXECUTE format('REVOKE ALL ON FUNCTION public.%I() FROM PUBLIC', note);
    PERFORM audit_unwatch_triggers(watched);
    EXECUTE format('CREATE TRIGGER audit_note_row AFTER INSERT OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION public.%I()',
        watched, note);
    -- A statement that changes nothing is no change.
    EXECUTE format('CREATE TRIGGER audit_note_update AFTER UPDATE ON %s FOR EACH ROW WHEN (%s)'
        ' EXECUTE FUNCTION public.%I()', watched,
        CASE WHEN cardinality(unnoted) = 0 THEN 'OLD.* IS DISTINCT FROM NEW.*'
             ELSE format('(to_jsonb(OLD) - %1$L::text[]) IS DISTINCT FROM (to_jsonb(NEW) - %1$L::text[])', unnoted) END,
        note);
    EXECUTE format('CREATE TRIGGER audit_note_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT'
        ' EXECUTE FUNCTION public.%I()', watched, note);
    -- "Always": also where a superuser has told the session to fire no ordinary triggers.
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_note_row,'
        ' ENABLE ALWAYS TRIGGER audit_note_update, ENABLE ALWAYS TRIGGER audit_note_truncate', watched);
END $watch$;

CREATE FUNCTION audit_unwatch_triggers(watched regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    found text;
BEGIN
    FOR found IN SELECT tgname FROM pg_trigger WHERE tgrelid = watched AND starts_with(tgname, 'audit_note_') LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found, watched);
    END LOOP;
END $$;

CREATE FUNCTION audit_unwatch(watched regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM audit_unwatch_triggers(watched);
    EXECUTE format('DROP FUNCTION public.%I()', 'audit_note_' || (SELECT relname FROM pg_class WHERE oid = watched));
END $$;

REVOKE ALL ON FUNCTION audit_watch(regclass, text, text, text[]), audit_unwatch_triggers(regclass),
    audit_unwatch(regclass) FROM PUBLIC;
"""

# The rule. A change is explained when
#  - the same transaction wrote a change entry for the same object and operation, one for each change: a save and an
#    update() of one row are two changes, and need two entries; or
#  - it is no deletion, and an entry of the same transaction names this table as written by a recorded query (which
#    tables may be written so, and by which queries, stands at their models: GuardedModel.written_by); or
#  - a trigger of the database made it, following another change of the same transaction, which is held to the rule itself.
# A change by the tables' owner outside of any request is a migration or maintenance: listed under that name.
# The other way round, an entry that tells of a change to a watched table needs the change.
COMPARE = """
CREATE FUNCTION lookup_unexplained_changes(from_xid bigint, to_xid bigint, above_change bigint, above_entry bigint)
RETURNS TABLE (kind text, at timestamptz, table_name text, row_key text, operation text, xid bigint,
               database_role text, request_id uuid, patient_id uuid, source_id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
WITH change AS MATERIALIZED (
    SELECT c.*, row_number() OVER (
        PARTITION BY c.xid, c.table_name, c.row_key, c.operation, c.is_derived ORDER BY c.id) AS number
    FROM audit_rowchange c WHERE c.xid >= from_xid AND c.xid < to_xid AND c.id > above_change
), entry AS MATERIALIZED (
    SELECT e.id, e."timestamp", e.xid, e.action, e.object_pk, e.request_id,
           e.additional_data -> 'writes' AS writes, t.app_label || '_' || t.model AS table_name
    FROM audit_logentry e LEFT JOIN django_content_type t ON t.id = e.content_type_id
    WHERE e.xid >= from_xid AND e.xid < to_xid AND e.id > above_entry AND e.outcome = 'ok'
      AND (e.action < 3 OR e.additional_data ? 'writes')
), told AS (
    SELECT e.*, (ARRAY['insert', 'update', 'delete'])[e.action + 1] AS operation, false AS is_derived,
           row_number() OVER (PARTITION BY e.xid, e.table_name, e.object_pk, e.action ORDER BY e.id) AS number
    FROM entry e WHERE e.action < 3
), pair AS (
    SELECT c.id AS change_id, c.at, c.table_name, c.row_key, c.operation, c.xid, c.database_role, c.request_id,
           c.patient_id, c.is_derived, e.id AS entry_id, e."timestamp" AS entry_at, e.table_name AS entry_table,
           e.object_pk, e.operation AS entry_operation, e.xid AS entry_xid, e.request_id AS entry_request
    FROM change c FULL JOIN told e
      ON (e.xid, e.table_name, e.object_pk, e.operation, e.number, e.is_derived)
       = (c.xid, c.table_name, c.row_key, c.operation, c.number, c.is_derived)
)
SELECT CASE WHEN p.request_id IS NULL AND p.database_role = (
                SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'public.audit_rowchange'::regclass)
            THEN 'maintenance' ELSE 'no entry' END,
       p.at, p.table_name, p.row_key, p.operation, p.xid, p.database_role, p.request_id, p.patient_id, p.change_id
FROM pair p
WHERE p.entry_id IS NULL
  AND NOT (p.is_derived AND EXISTS (SELECT FROM change c WHERE c.xid = p.xid AND NOT c.is_derived))
  AND NOT (p.operation IN ('insert', 'update')
           AND EXISTS (SELECT FROM entry e WHERE e.xid = p.xid AND e.writes ? p.table_name))
UNION ALL
SELECT 'no change', p.entry_at, p.entry_table, p.object_pk, p.entry_operation, p.entry_xid, '', p.entry_request, NULL,
       p.entry_id
FROM pair p
WHERE p.change_id IS NULL AND EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = to_regclass('public.' || p.entry_table) AND tgname = 'audit_note_row')
$$;

-- Compares up to the oldest transaction still running, so that none is missed: what commits later lies above. In
-- steps of whole transactions with about max_changes changes; true as long as there is more to compare.
CREATE FUNCTION audit_compare(max_changes integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    done audit_comparison;
    horizon bigint;
    upto bigint;
    running_cluster bigint := system_identifier FROM pg_control_system();
BEGIN
    SELECT * INTO STRICT done FROM audit_comparison WHERE id = 1 FOR UPDATE;
    IF done.cluster <> running_cluster OR done.xid > pg_snapshot_xmax(pg_current_snapshot())::text::bigint THEN
        -- Restored into another server, whose transactions have numbers of their own. First what the backup held
        -- uncompared; from then on only what is newer than that, from the first number on.
        PERFORM audit_keep_unexplained(done.xid, 9223372036854775807, done);
        UPDATE audit_comparison SET cluster = running_cluster, xid = 0,
            floor_change = greatest(done.last_change,
                (SELECT max(id) FROM audit_rowchange WHERE xid >= done.xid AND id > done.floor_change)),
            floor_entry = greatest(done.last_entry,
                (SELECT max(id) FROM audit_logentry WHERE xid >= done.xid AND id > done.floor_entry))
        WHERE id = 1;
        RETURN true;
    END IF;
    horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    SELECT xid INTO upto FROM audit_rowchange
    WHERE xid >= done.xid AND xid < horizon AND id > done.floor_change
    ORDER BY xid OFFSET greatest(max_changes, 1) LIMIT 1;
    IF upto IS NULL THEN
        upto := greatest(horizon, done.xid);
    ELSE
        upto := greatest(upto, done.xid + 1);
    END IF;
    PERFORM audit_keep_unexplained(done.xid, upto, done);
    UPDATE audit_comparison SET xid = upto, ran_at = statement_timestamp(),
        last_change = greatest(last_change,
            (SELECT max(id) FROM audit_rowchange WHERE xid >= done.xid AND xid < upto)),
        last_entry = greatest(last_entry,
            (SELECT max(id) FROM audit_logentry WHERE xid >= done.xid AND xid < upto)),
        compared_until = CASE WHEN EXISTS (SELECT FROM audit_rowchange WHERE xid >= upto)
            THEN compared_until ELSE statement_timestamp() END
    WHERE id = 1;
    RETURN upto < horizon;
END $$;

CREATE FUNCTION audit_keep_unexplained(from_xid bigint, to_xid bigint, done audit_comparison) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public, pg_temp AS $$
INSERT INTO audit_unexplainedchange (kind, at, table_name, row_key, operation, xid, database_role, request_id,
    patient_id, source_id)
SELECT kind, at, table_name, row_key, operation, xid, database_role, request_id, patient_id, source_id
FROM lookup_unexplained_changes(from_xid, to_xid, done.floor_change, done.floor_entry) ORDER BY at, source_id
$$;

REVOKE ALL ON FUNCTION lookup_unexplained_changes(bigint, bigint, bigint, bigint), audit_compare(integer),
    audit_keep_unexplained(bigint, bigint, audit_comparison) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_unexplained_changes(bigint, bigint, bigint, bigint), audit_compare(integer) TO sim_app;
"""

FORWARD = (
    TABLES
    + PARTITIONS.replace("{tables}", f"{TRAIL_TABLES}, 'audit_rowchange'")
    + "SELECT audit_add_partitions(3);"
    + WATCH
    + COMPARE
)
BACKWARD = """
DROP FUNCTION audit_compare(integer);
DROP FUNCTION audit_keep_unexplained(bigint, bigint, audit_comparison);
DROP FUNCTION lookup_unexplained_changes(bigint, bigint, bigint, bigint);
DROP FUNCTION audit_unwatch(regclass);
DROP FUNCTION audit_watch(regclass, text, text, text[]);
DROP FUNCTION audit_unwatch_triggers(regclass);
DROP INDEX audit_logentry_by_xid;
DROP TABLE audit_unexplainedchange;
DROP TABLE audit_comparison;
DROP TABLE audit_rowchange;
""" + PARTITIONS.replace("{tables}", TRAIL_TABLES)


OPERATIONS = [
    ("insert", "Added"),
    ("update", "Changed"),
    ("delete", "Removed"),
    ("truncate", "All rows removed"),
]
KINDS = [
    ("no entry", "No entry on the trail"),
    ("maintenance", "Migration or maintenance"),
    ("no change", "Entry without a change"),
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_entry_of_subject")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARD, BACKWARD)],
            state_operations=[
                migrations.CreateModel(
                    name="Comparison",
                    fields=[
                        ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                        ("started_at", models.DateTimeField()),
                        ("ran_at", models.DateTimeField()),
                        ("compared_until", models.DateTimeField()),
                        ("xid", models.BigIntegerField()),
                    ],
                    options={"abstract": False, "base_manager_name": "objects"},
                ),
                migrations.CreateModel(
                    name="RowChange",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("table_name", models.CharField(max_length=63)),
                        ("row_key", models.CharField(max_length=255)),
                        ("operation", models.CharField(choices=OPERATIONS, max_length=8)),
                        ("xid", models.BigIntegerField()),
                        ("database_role", models.CharField(max_length=63)),
                        ("request_id", models.UUIDField(null=True)),
                        ("patient_id", models.UUIDField(null=True)),
                        ("is_derived", models.BooleanField()),
                    ],
                    options={
                        "verbose_name": "row change",
                        "abstract": False,
                        "base_manager_name": "objects",
                    },
                ),
                migrations.CreateModel(
                    name="UnexplainedChange",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("table_name", models.CharField(max_length=63)),
                        ("row_key", models.CharField(max_length=255)),
                        ("operation", models.CharField(choices=OPERATIONS, max_length=8)),
                        ("xid", models.BigIntegerField()),
                        ("database_role", models.CharField(max_length=63)),
                        ("request_id", models.UUIDField(null=True)),
                        ("patient_id", models.UUIDField(null=True)),
                        ("found_at", models.DateTimeField()),
                        ("kind", models.CharField(choices=KINDS, max_length=20)),
                        ("source_id", models.BigIntegerField()),
                    ],
                    options={
                        "verbose_name": "unexplained change",
                        "abstract": False,
                        "base_manager_name": "objects",
                    },
                ),
            ],
        )
    ]
