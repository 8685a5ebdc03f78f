-- A year of the trail in monthly partitions: mostly opened records, every fortieth entry a list of 25, some changes.
DO $$
DECLARE
    first_day date;
    parent text;
BEGIN
    FOR step IN 1 .. 12 LOOP
        first_day := (date_trunc('month', now()) - make_interval(months => step))::date;
        FOREACH parent IN ARRAY ARRAY['audit_logentry', 'audit_entrysubject'] LOOP
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                parent || to_char(first_day, '_YYYY_MM'), parent, first_day, (first_day + interval '1 month')::date);
            EXECUTE format('ALTER TABLE public.%I OWNER TO sim_owner', parent || to_char(first_day, '_YYYY_MM'));
            EXECUTE format('REVOKE ALL ON public.%I FROM sim_app', parent || to_char(first_day, '_YYYY_MM'));
        END LOOP;
    END LOOP;
END
$$;
SET session_replication_role = replica;

CREATE TEMP TABLE happening ON COMMIT PRESERVE ROWS AS
SELECT i AS entry, now() - interval '1 hour' - (pg_temp.size('entries') - i)::float8 / pg_temp.size('entries') * interval '364 days' AS at,
       (pg_temp.mix(i) % pg_temp.size('patients'))::int + 1 AS n,
       CASE WHEN i % 40 = 0 THEN 'list' WHEN i % 5 = 0 THEN 'change' ELSE 'open' END AS kind
FROM generate_series(1, pg_temp.size('entries')) AS i;

INSERT INTO audit_logentry (id, "timestamp", action, outcome, content_type_id, object_pk, object_repr, changes, actor_id,
    actor_name, remote_addr, additional_data, role, team, organisation, relationship, purpose, route, request_id,
    session_ref, row_mac, writer, writer_sequence)
SELECT entry, at, CASE kind WHEN 'change' THEN 0 ELSE 3 END, 'ok',
       CASE kind WHEN 'change' THEN (SELECT id FROM django_content_type WHERE app_label = 'cases' AND model = 'contact') END,
       CASE kind WHEN 'change' THEN pg_temp.key('contact', n, 1)::text ELSE '' END,
       CASE kind WHEN 'change' THEN 'contact ' || left(pg_temp.key('contact', n, 1)::text, 8) ELSE '' END,
       CASE kind WHEN 'change' THEN jsonb_build_object('case', jsonb_build_array('None', 'case ' || n),
            'happened_at', jsonb_build_array('None', at), 'outcome', jsonb_build_array('None', 'met'),
            'account', jsonb_build_array('', '(text)'), 'place', jsonb_build_array('', '(text)'),
            'patient', jsonb_build_array('None', reference)) END,
       CASE WHEN entry % 2 = 0 THEN police ELSE clinical END, 'worker.' || clinical, '10.0.0.7',
       CASE kind WHEN 'change' THEN NULL
            ELSE jsonb_build_object('method', 'GET', 'seen', jsonb_build_object('cases.Case', 1, 'cases.Patient', 1,
                'cases.Contact', 20, 'crisis_plans.PlanVersion', 1)) END,
       'clinical mentor', 'Team ' || team, 'Trust ' || (trust + 1) / 2, 'case team', 'direct care',
       CASE kind WHEN 'list' THEN 'caseload' WHEN 'change' THEN 'cases:contact_log' ELSE 'patient_record' END,
       pg_temp.key('request', entry), left(md5(clinical::text), 16), md5(entry::text) || md5((entry + 1)::text),
       pg_temp.key('writer', 1), entry
FROM happening JOIN person USING (n) ORDER BY entry;

INSERT INTO audit_entrysubject (patient_id, at, entry_id, patient_reference, is_opened, relationship)
SELECT whom.id, at, entry, whom.reference, kind <> 'list', 'case team'
FROM happening JOIN person USING (n)
JOIN person AS whom ON whom.team = person.team AND (whom.n = person.n OR kind = 'list' AND whom.place < 25);
SELECT setval('audit_logentry_id_seq', pg_temp.size('entries'));
RESET session_replication_role;
