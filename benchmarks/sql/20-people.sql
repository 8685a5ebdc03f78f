-- Organisations in pairs with two teams each; a team is four clinical and four police mentors, a lead, a deputy and an
-- administrator: users 11 * (team - 1) + 1 .. 11. Each trust has an officer: users after all teams'.
INSERT INTO accounts_organisation (id, name, kind)
SELECT id, CASE id % 2 WHEN 1 THEN 'Trust ' ELSE 'Force ' END || (id + 1) / 2,
       CASE id % 2 WHEN 1 THEN 'NHS trust' ELSE 'police force' END
FROM generate_series(1, 2 * ((pg_temp.size('teams') + 1) / 2)) AS id;

INSERT INTO auth_group (id, name) SELECT id, 'team ' || id FROM generate_series(1, pg_temp.size('teams')) AS id;
INSERT INTO accounts_team (id, name, phone, trust_id, force_id, group_id)
SELECT id, 'Team ' || id, '01632 960' || lpad((id % 1000)::text, 3, '0'), 2 * ((id + 1) / 2) - 1, 2 * ((id + 1) / 2), id
FROM generate_series(1, pg_temp.size('teams')) AS id;

CREATE TEMP TABLE worker ON COMMIT PRESERVE ROWS AS
SELECT 11 * (team - 1) + place AS id, team, place,
       CASE WHEN place <= 4 THEN 'clinical mentor' WHEN place <= 8 THEN 'police mentor'
            ELSE ('{clinical lead,deputy clinical lead,team administrator}'::text[])[place - 8] END AS role,
       2 * ((team + 1) / 2) - CASE WHEN place BETWEEN 5 AND 8 THEN 0 ELSE 1 END AS organisation
FROM generate_series(1, pg_temp.size('teams')) AS team, generate_series(1, 11) AS place
UNION ALL
SELECT 11 * pg_temp.size('teams') + trust, NULL, 12, 'IG officer', 2 * trust - 1
FROM generate_series(1, (pg_temp.size('teams') + 1) / 2) AS trust;

INSERT INTO accounts_user (id, password, is_superuser, username, first_name, last_name, is_staff, is_active,
    date_joined, email, phone, organisation_id)
SELECT id, '!', false, 'worker.' || id, pg_temp.given(pg_temp.mix(id)), pg_temp.family(pg_temp.mix(id + 500000)), false,
       true, now() - interval '3 years', 'worker.' || id || '@example.org', '', organisation
FROM worker;
INSERT INTO accounts_membership (user_id, role, team_id, organisation_id, starts_on)
SELECT id, role, team, organisation, (now() - interval '3 years')::date FROM worker;
INSERT INTO accounts_professionalregistration (user_id, body, number, valid_until)
SELECT id, 'NMC', lpad(id::text, 8, '0'), (now() + interval '2 years')::date
FROM worker WHERE role LIKE 'clinical%' OR role LIKE 'deputy%';
INSERT INTO accounts_staffcheck (kind, valid_until, evidence, recorded_at, user_id)
SELECT kind, (now() + interval '2 years')::date, 'Seen', now(), id
FROM worker, unnest('{training,vetting,confidentiality agreement}'::text[]) AS kind WHERE place < 11;
ANALYZE worker;
