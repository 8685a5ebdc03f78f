"""The trail's tables, made by hand: partitioned by month, insert-only for the application.

Django's own CREATE TABLE knows no partitions and would let the application name time and transaction.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE SEQUENCE audit_logentry_id_seq AS bigint;
CREATE TABLE audit_logentry (
    id bigint NOT NULL DEFAULT nextval('audit_logentry_id_seq'),
    "timestamp" timestamptz NOT NULL DEFAULT statement_timestamp(),
    action smallint NOT NULL CHECK (action >= 0),
    outcome varchar(10) NOT NULL DEFAULT 'ok',
    content_type_id integer NULL REFERENCES django_content_type (id),
    object_pk varchar(255) NOT NULL DEFAULT '',
    object_id bigint NULL,
    object_repr text NOT NULL DEFAULT '',
    serialized_data jsonb NULL,
    changes_text text NOT NULL DEFAULT '',
    changes jsonb NULL,
    actor_id bigint NULL REFERENCES accounts_user (id),
    actor_name varchar(150) NOT NULL DEFAULT '',
    actor_email varchar(254) NULL,
    on_behalf_of varchar(150) NOT NULL DEFAULT '',
    cid varchar(255) NULL,
    remote_addr inet NULL,
    remote_port integer NULL,
    additional_data jsonb NULL,
    role varchar(40) NOT NULL DEFAULT '',
    team varchar(120) NOT NULL DEFAULT '',
    organisation varchar(120) NOT NULL DEFAULT '',
    relationship varchar(200) NOT NULL DEFAULT '',
    purpose varchar(60) NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    route varchar(120) NOT NULL DEFAULT '',
    request_id uuid NOT NULL,
    session_ref varchar(16) NOT NULL DEFAULT '',
    epoch integer NOT NULL DEFAULT 1,
    xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    row_mac varchar(64) NOT NULL,
    writer uuid NOT NULL,
    writer_sequence bigint NOT NULL,
    PRIMARY KEY (id, "timestamp")
) PARTITION BY RANGE ("timestamp");
ALTER SEQUENCE audit_logentry_id_seq OWNED BY audit_logentry.id;
CREATE INDEX audit_logentry_by_actor ON audit_logentry (actor_id, "timestamp" DESC, id DESC);
CREATE INDEX audit_logentry_by_time ON audit_logentry USING brin ("timestamp");
CREATE INDEX audit_logentry_refused ON audit_logentry ("timestamp" DESC, id DESC) WHERE outcome <> 'ok';

CREATE TABLE audit_entrysubject (
    patient_id uuid NOT NULL,
    at timestamptz NOT NULL,
    entry_id bigint NOT NULL,
    patient_reference varchar(12) NOT NULL,
    is_opened boolean NOT NULL,
    relationship varchar(60) NOT NULL DEFAULT '',
    PRIMARY KEY (patient_id, at, entry_id)
) PARTITION BY RANGE (at);
CREATE INDEX audit_entrysubject_by_entry ON audit_entrysubject (entry_id);

-- A month nobody prepared must not stop the trail.
CREATE TABLE audit_logentry_default PARTITION OF audit_logentry DEFAULT;
CREATE TABLE audit_entrysubject_default PARTITION OF audit_entrysubject DEFAULT;

CREATE FUNCTION audit_add_partitions(months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first_day date;
    parent text;
    part text;
BEGIN
    FOR step IN 0 .. least(months, 24) LOOP
        first_day := (date_trunc('month', statement_timestamp()) + make_interval(months => step))::date;
        FOREACH parent IN ARRAY ARRAY['audit_logentry', 'audit_entrysubject'] LOOP
            part := parent || to_char(first_day, '_YYYY_MM');
            IF to_regclass('public.' || part) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                    part, parent, first_day, (first_day + interval '1 month')::date);
                EXECUTE format('REVOKE ALL ON public.%I FROM sim_app', part);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION audit_add_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_add_partitions(integer) TO sim_app;
SELECT audit_add_partitions(3);

-- The default privileges of new tables give the application too much here.
REVOKE ALL ON audit_logentry, audit_entrysubject, audit_logentry_default, audit_entrysubject_default FROM sim_app;
GRANT SELECT ON audit_logentry, audit_entrysubject TO sim_app, sim_sealer;
GRANT INSERT (action, content_type_id, object_pk, object_repr, changes, changes_text, actor_id, actor_name,
    on_behalf_of, remote_addr, additional_data, outcome, role, team, organisation, relationship, purpose, reason,
    route, request_id, session_ref, row_mac, writer, writer_sequence) ON audit_logentry TO sim_app;
GRANT INSERT ON audit_entrysubject TO sim_app;
REVOKE ALL ON SEQUENCE audit_logentry_id_seq FROM sim_app;
GRANT USAGE ON SEQUENCE audit_logentry_id_seq TO sim_app;
"""
BACKWARD = """
DROP TABLE audit_entrysubject;
DROP TABLE audit_logentry;
DROP FUNCTION audit_add_partitions(integer);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARD, BACKWARD)],
            state_operations=[
                migrations.CreateModel(
                    name="EntrySubject",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "patient_id",
                                "at",
                                "entry_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("patient_id", models.UUIDField()),
                        ("at", models.DateTimeField()),
                        ("entry_id", models.BigIntegerField()),
                        ("patient_reference", models.CharField(max_length=12)),
                        ("is_opened", models.BooleanField()),
                        ("relationship", models.CharField(default="", max_length=60)),
                    ],
                    options={
                        "verbose_name": "entry subject",
                        "abstract": False,
                        "base_manager_name": "objects",
                    },
                ),
                migrations.CreateModel(
                    name="LogEntry",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("serialized_data", models.JSONField(null=True)),
                        (
                            "changes_text",
                            models.TextField(blank=True, verbose_name="change message"),
                        ),
                        (
                            "changes",
                            models.JSONField(null=True, verbose_name="change message"),
                        ),
                        (
                            "remote_addr",
                            models.GenericIPAddressField(
                                blank=True, null=True, verbose_name="remote address"
                            ),
                        ),
                        (
                            "remote_port",
                            models.PositiveIntegerField(blank=True, null=True, verbose_name="remote port"),
                        ),
                        (
                            "additional_data",
                            models.JSONField(blank=True, null=True, verbose_name="additional data"),
                        ),
                        (
                            "actor_email",
                            models.CharField(
                                blank=True,
                                max_length=254,
                                null=True,
                                verbose_name="actor email",
                            ),
                        ),
                        ("object_pk", models.CharField(default="", max_length=255)),
                        ("object_id", models.BigIntegerField(null=True)),
                        ("object_repr", models.TextField(default="")),
                        ("action", models.PositiveSmallIntegerField()),
                        ("cid", models.CharField(max_length=255, null=True)),
                        (
                            "timestamp",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                        ),
                        ("actor_name", models.CharField(default="", max_length=150)),
                        ("on_behalf_of", models.CharField(default="", max_length=150)),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("ok", "Done"),
                                    ("denied", "Denied"),
                                    ("not found", "Not found"),
                                    ("error", "Failed"),
                                ],
                                default="ok",
                                max_length=10,
                            ),
                        ),
                        ("role", models.CharField(default="", max_length=40)),
                        ("team", models.CharField(default="", max_length=120)),
                        ("organisation", models.CharField(default="", max_length=120)),
                        ("relationship", models.CharField(default="", max_length=200)),
                        ("purpose", models.CharField(default="", max_length=60)),
                        ("reason", models.TextField(default="")),
                        ("route", models.CharField(default="", max_length=120)),
                        ("request_id", models.UUIDField()),
                        ("session_ref", models.CharField(default="", max_length=16)),
                        ("epoch", models.PositiveIntegerField(db_default=1)),
                        ("xid", models.BigIntegerField(db_default=0)),
                        ("row_mac", models.CharField(max_length=64)),
                        ("writer", models.UUIDField()),
                        ("writer_sequence", models.BigIntegerField()),
                        (
                            "actor",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "content_type",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="contenttypes.contenttype",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "entry",
                        "verbose_name_plural": "entries",
                        "ordering": ["-timestamp", "-id"],
                        "abstract": False,
                        "managed": True,
                        "base_manager_name": "objects",
                    },
                ),
            ],
        )
    ]
