-- Rows with keys of our own choosing: the next ones go on behind them.
SELECT setval(pg_get_serial_sequence(name, 'id'), 1000000)
FROM unnest('{accounts_organisation,auth_group,accounts_team,accounts_user}'::text[]) AS name;
