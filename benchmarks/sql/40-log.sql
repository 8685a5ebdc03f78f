-- The contact log of the last eighteen months, evenly spread; the newest lies a day back. Without triggers: loaded, not told.
SET session_replication_role = replica;

-- Every tenth contact was planned: a visit with its outcome. Two more visits lie ahead.
INSERT INTO cases_visit (id, regime, created_at, planned_for, purpose, place, has_police, version, case_id,
    controller_id, created_by_id, patient_id)
SELECT pg_temp.key('visit', n, i), 'UK GDPR', now() - interval '600 days', moment, 'practical support', 'At home', true,
       1, pg_temp.key('case', n), trust, clinical, id
FROM person,
     LATERAL (SELECT i, now() - interval '1 day' - i * interval '540 days' / pg_temp.size('contacts') AS moment
              FROM generate_series(10, pg_temp.size('contacts'), 10) AS i
              UNION ALL
              SELECT -ahead, date_trunc('day', now()) + ahead * interval '3 days' + interval '11 hours'
              FROM generate_series(1, 2) AS ahead) AS planned;
INSERT INTO cases_visitparticipant (id, regime, created_at, is_police, controller_id, created_by_id, patient_id, user_id, visit_id)
SELECT pg_temp.key('visit participant', n, i, side), 'UK GDPR', now() - interval '600 days', side = 2, trust, clinical, id,
       CASE side WHEN 1 THEN clinical ELSE police END, pg_temp.key('visit', n, i)
FROM person, generate_series(1, 2) AS side,
     LATERAL (SELECT i FROM generate_series(10, pg_temp.size('contacts'), 10) AS i UNION ALL VALUES (-1), (-2)) AS planned;
INSERT INTO cases_visitoutcome (id, regime, created_at, kind, note, controller_id, created_by_id, patient_id, visit_id)
SELECT pg_temp.key('visit outcome', n, i), 'UK GDPR', now() - interval '1 day', 'happened', '', trust, clinical, id,
       pg_temp.key('visit', n, i)
FROM person, generate_series(10, pg_temp.size('contacts'), 10) AS i;

INSERT INTO cases_contact (id, regime, created_at, happened_at, place, outcome, is_planned, purpose, others_present,
    account, observation, opinion, is_police_authored, police_attended, agreed_to_police, offered_without_police,
    submission_key, version, case_id, controller_id, created_by_id, patient_id, visit_id)
SELECT pg_temp.key('contact', n, i), 'UK GDPR', moment, moment, CASE WHEN i % 3 = 0 THEN '' ELSE 'At home' END,
       ('{met,met,phone,met,not met,phone,met,others}'::text[])[1 + (n + i) % 8], i % 10 = 0,
       ('{practical support,plan,review,safety}'::text[])[1 + (n + i) % 4], CASE WHEN i % 7 = 0 THEN 'Their sister' ELSE '' END,
       pg_temp.sentence(n + i) || ' ' || pg_temp.sentence(n * 3 + i) || ' ' || pg_temp.sentence(n + i * 7) || E'\n'
           || pg_temp.sentence(n * 7 + i * 3) || ' ' || pg_temp.sentence(i),
       '', '', false, i % 2 = 0, CASE WHEN i % 2 = 0 THEN 'yes' ELSE '' END, CASE WHEN i % 2 = 0 THEN 'yes' ELSE '' END,
       pg_temp.key('sent', n, i), 1, pg_temp.key('case', n), trust, clinical, id,
       CASE WHEN i % 10 = 0 THEN pg_temp.key('visit', n, i) END
FROM person, generate_series(1, pg_temp.size('contacts')) AS i,
     LATERAL (SELECT now() - interval '1 day' - i * interval '540 days' / pg_temp.size('contacts') AS moment) AS at;
INSERT INTO cases_contactparticipant (id, regime, created_at, is_police, contact_id, controller_id, created_by_id, user_id, patient_id)
SELECT pg_temp.key('participant', n, i, side), 'UK GDPR', now() - interval '1 day', side = 2, pg_temp.key('contact', n, i),
       trust, clinical, CASE side WHEN 1 THEN clinical ELSE police END, id
FROM person, generate_series(1, pg_temp.size('contacts')) AS i, generate_series(1, 2) AS side
WHERE side = 1 OR i % 2 = 0;
-- The three newest are not signed yet.
INSERT INTO cases_contactsignature (id, regime, created_at, signed_at, contact_id, controller_id, created_by_id, patient_id)
SELECT pg_temp.key('signature', n, i), 'UK GDPR', now() - interval '1 day', now() - interval '1 day',
       pg_temp.key('contact', n, i), trust, clinical, id
FROM person, generate_series(4, pg_temp.size('contacts')) AS i;
INSERT INTO cases_contactclinicalnote (id, regime, created_at, text, contact_id, controller_id, created_by_id, patient_id)
SELECT pg_temp.key('note', n, i), 'UK GDPR', now() - interval '1 day', pg_temp.sentence(i) || ' ' || pg_temp.sentence(n),
       pg_temp.key('contact', n, i), trust, clinical, id
FROM person, generate_series(5, pg_temp.size('contacts'), 10) AS i;
INSERT INTO cases_contactaddendum (id, regime, created_at, reason, text, is_clinical_only, contact_id, controller_id,
    created_by_id, patient_id)
SELECT pg_temp.key('addendum', n, i), 'UK GDPR', now() - interval '1 day', 'Remembered later', pg_temp.sentence(n * i),
       i % 60 = 0, pg_temp.key('contact', n, i), trust, clinical, id
FROM person, generate_series(12, pg_temp.size('contacts'), 12) AS i;
INSERT INTO cases_contactstrikeout (id, regime, created_at, reason, contact_id, controller_id, created_by_id, patient_id)
SELECT pg_temp.key('strike-out', n), 'UK GDPR', now() - interval '1 day', 'Two windows were open', pg_temp.key('contact', n, 9),
       trust, clinical, id
FROM person WHERE n % 5 = 0;

-- A draft for some; a task about most plans, overdue for one in eight; what has been sent is partly unread.
INSERT INTO cases_draft (id, form, about, data, is_clinical_only, saved_at, user_id, patient_id)
SELECT pg_temp.key('draft', n), 'contact-addendum', pg_temp.key('contact', n, 4)::text, '{"text": ["Half a sentence"]}', false,
       now() - interval '2 hours', clinical, id
FROM person WHERE n % 20 = 0;
INSERT INTO reminders_reminder (id, kind, subject, due_at, text, link, is_task, is_urgent, is_ticked_off, created_at,
    claimed_at, lease_until, attempt, sent_at, patient_id, recipient_id)
SELECT pg_temp.key('reminder', n, side, which), kind, subject || ':' || n || which, due, text, '/patients/' || id || '/plan/', true,
       false, false, now() - interval '90 days', sent, sent + interval '1 minute', CASE WHEN sent IS NULL THEN 0 ELSE 1 END,
       sent, id, CASE side WHEN 1 THEN clinical ELSE police END
FROM person, generate_series(1, 2) AS side,
     LATERAL (VALUES
         (1, 'plan-review', 'crisis_plans.planversion', 'Review the crisis response plan',
          CASE WHEN n % 8 = 0 THEN now() - interval '3 days' ELSE now() + (n % 150 + 5) * interval '1 day' END),
         (2, 'visit', 'cases.visit', 'Visit at 11:00: practical support', date_trunc('day', now()) + interval '3 days')
     ) AS fact(which, kind, subject, text, due),
     LATERAL (SELECT CASE WHEN due < now() THEN due + interval '1 minute' END AS sent) AS delivery;
INSERT INTO reminders_notification (id, created_at, read_at, user_id, reminder_id)
SELECT pg_temp.key('notification', attempt, row_number() OVER ()::int), sent_at, CASE WHEN left(id::text, 1) < '8' THEN sent_at END,
       recipient_id, id
FROM reminders_reminder WHERE sent_at IS NOT NULL;
RESET session_replication_role;
