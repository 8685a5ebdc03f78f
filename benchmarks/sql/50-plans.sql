-- Everybody has an approved plan, most of them in its second version.
SET session_replication_role = replica;
INSERT INTO crisis_plans_crisisresponseplan (id, regime, created_at, controller_id, created_by_id, patient_id)
SELECT pg_temp.key('plan', n), 'UK GDPR', now() - interval '400 days', trust, clinical, id FROM person;

CREATE TEMP TABLE wording ON COMMIT PRESERVE ROWS AS
SELECT person.*, v, pg_temp.key('version', n, v) AS version_id FROM person, generate_series(1, 2) AS v WHERE v = 1 OR n % 3 > 0;
INSERT INTO crisis_plans_planversion (id, regime, created_at, number, revision, is_open, about_me, crisis_signs, what_helps,
    is_own_words, what_makes_it_worse, involvement, involvement_reason, disagreement, review_on, based_on_id,
    controller_id, created_by_id, patient_id, plan_id)
SELECT version_id, 'UK GDPR', now() - (3 - v) * interval '90 days', v, 3, false, 'I paint and I look after two rabbits.',
       E'I stop answering my phone.\nAnniversaries are hard.', E'Speak slowly.\nLet me smoke outside.\nRing my sister.', true,
       E'Being surrounded.\nBeing told to calm down.', 'took part', '', '',
       CASE WHEN n % 8 = 0 THEN (now() - interval '3 days')::date ELSE (now() + (n % 150 + 5) * interval '1 day')::date END,
       CASE v WHEN 2 THEN pg_temp.key('version', n, 1) END, trust, clinical, id, pg_temp.key('plan', n)
FROM wording;
INSERT INTO crisis_plans_planaction (id, regime, created_at, position, text, controller_id, created_by_id, patient_id, version_id)
SELECT pg_temp.key('action', n, v, i), 'UK GDPR', now() - interval '90 days', i,
       ('{Sit with me,Offer tea,Ask about the rabbits,Keep the lights low}'::text[])[i], trust, clinical, id, version_id
FROM wording, generate_series(1, 4) AS i;
INSERT INTO crisis_plans_plancall (id, regime, created_at, position, who, phone, "when", controller_id, created_by_id, patient_id, version_id)
SELECT pg_temp.key('call', n, v, i), 'UK GDPR', now() - interval '90 days', i, ('{"Jo, my sister",Crisis line}'::text[])[i],
       ('{07700 900123,01632 960999}'::text[])[i], 'Any time', trust, clinical, id, version_id
FROM wording, generate_series(1, 2) AS i;
INSERT INTO crisis_plans_planservicepart (id, regime, created_at, service, service_name, agreed, controller_id, created_by_id, patient_id, version_id)
SELECT pg_temp.key('part', n, v, i), 'UK GDPR', now() - interval '90 days', ('{ambulance,control room}'::text[])[i], '',
       'Ring the team on the way.', trust, clinical, id, version_id
FROM wording, generate_series(1, 2) AS i;
INSERT INTO crisis_plans_planauthor (id, regime, created_at, controller_id, created_by_id, patient_id, user_id, version_id)
SELECT pg_temp.key('author', n, v), 'UK GDPR', now() - interval '90 days', trust, clinical, id, clinical, version_id FROM wording;
INSERT INTO crisis_plans_plansignoff (id, regime, created_at, sequence, kind, revision, comment, signer_name, signer_role,
    registration_body, registration_number, controller_id, created_by_id, patient_id, version_id)
SELECT pg_temp.key('sign-off', n, v, i), 'UK GDPR', now() - (3 - v) * interval '90 days', i,
       ('{submitted,approved}'::text[])[i], 3, '', 'A lead', 'clinical lead', 'NMC', '00000009', trust,
       CASE i WHEN 1 THEN clinical ELSE 11 * (team - 1) + 9 END, id, version_id
FROM wording, generate_series(1, 2) AS i;
RESET session_replication_role;
