-- Fifty patients a team, shared out among its four pairs of mentors; an open case and the team's grant for each.
CREATE TEMP TABLE person ON COMMIT PRESERVE ROWS AS
SELECT n, (n - 1) / 50 + 1 AS team, (n - 1) % 50 AS place, pg_temp.key('patient', n) AS id,
       11 * ((n - 1) / 50) + 1 + n % 4 AS clinical, 11 * ((n - 1) / 50) + 5 + n % 4 AS police,
       2 * (((n - 1) / 50 + 2) / 2) - 1 AS trust,
       'SC-' || (SELECT string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + ((n::bigint * 387420489 % 1073741824) >> (5 * i))::int % 32, 1), '')
                 FROM generate_series(0, 5) AS i) AS reference
FROM generate_series(1, pg_temp.size('patients')) AS n;
CREATE UNIQUE INDEX ON person (n);
CREATE INDEX ON person (team, place);
ANALYZE person;

INSERT INTO cases_patient (id, reference, regime, created_at, version, given_name, family_name, preferred_name,
    date_of_birth, nhs_number, pronouns, phone, contact_preferences, address, postcode, interpreter_needs, access_needs,
    controller_id, created_by_id, team_id, is_nhs_number_in_question)
SELECT id, reference, 'UK GDPR', now() - interval '20 months', 1, pg_temp.given(pg_temp.mix(n * 7)),
       pg_temp.family(pg_temp.mix(n * 3)), CASE WHEN n % 4 = 0 THEN pg_temp.given(pg_temp.mix(n * 13)) ELSE '' END,
       date '1950-01-01' + (pg_temp.mix(n) % 20000)::int, '', CASE n % 3 WHEN 0 THEN 'she/her' WHEN 1 THEN 'he/him' ELSE '' END,
       '07700 900' || lpad((n % 1000)::text, 3, '0'), 'Text first. Never ring before ten.',
       n || ' Example Street' || E'\n' || 'Exampleton', 'EX1 1EX', '', CASE WHEN n % 10 = 0 THEN 'No stairs' ELSE '' END,
       trust, clinical, team, false
FROM person;

INSERT INTO cases_case (id, regime, created_at, opened_on, next_service, step_down_note, version,
    clinical_mentor_id, controller_id, created_by_id, police_mentor_id, team_id, patient_id)
SELECT pg_temp.key('case', n), 'UK GDPR', now() - interval '20 months', (now() - interval '20 months')::date, '', '', 1,
       clinical, trust, clinical, police, team, id
FROM person;
INSERT INTO cases_patientgroupobjectpermission (content_object_id, group_id, permission_id)
SELECT person.id, team, auth_permission.id FROM person, auth_permission
JOIN django_content_type ON django_content_type.id = content_type_id
WHERE codename = 'view_patient' AND app_label = 'cases' AND model = 'patient';

INSERT INTO cases_othername (id, regime, created_at, kind, name, controller_id, created_by_id, patient_id)
SELECT pg_temp.key('other name', n), 'UK GDPR', now() - interval '20 months', 'former name',
       pg_temp.given(pg_temp.mix(n * 7)) || ' ' || pg_temp.family(n), trust, clinical, id
FROM person WHERE n % 3 = 0;
INSERT INTO cases_relatedperson (id, regime, created_at, kind, name, relation, phone, address, controller_id,
    created_by_id, patient_id)
SELECT pg_temp.key('related', n, kind), 'UK GDPR', now() - interval '20 months', ('{next of kin,GP}'::text[])[kind],
       pg_temp.given(n * kind) || ' ' || pg_temp.family(n + kind), CASE kind WHEN 1 THEN 'sister' ELSE '' END,
       '01632 960' || lpad((n % 1000)::text, 3, '0'), '', trust, clinical, id
FROM person, generate_series(1, 2) AS kind;
