-- What the other files share: how big, how a key is made from numbers, and invented words.
-- The session's settings bench.patients, bench.teams, bench.contacts and bench.entries come from seeding.py.
CREATE FUNCTION pg_temp.size(what text) RETURNS int LANGUAGE sql IMMUTABLE
    AS $$ SELECT current_setting('bench.' || what)::int $$;
CREATE FUNCTION pg_temp.key(what text, a int, b int DEFAULT 0, c int DEFAULT 0) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT md5(what || ' ' || a || ' ' || b || ' ' || c)::uuid $$;
CREATE FUNCTION pg_temp.pick(words text[], number bigint) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT words[1 + number % cardinality(words)] $$;
-- A random-looking whole number that is the same each time.
CREATE FUNCTION pg_temp.mix(number bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT (number * 48271 + 11) % 2147483647 $$;
CREATE FUNCTION pg_temp.given(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_temp.pick('{Ada,Alun,Anjali,Ben,Bola,Bryn,Carys,Chidi,Dana,Efe,Ewan,Farah,Femi,Gina,Gwen,Hamza,Holly,Idris,Imran,Isla,Jo,Jude,Kaya,Kit,Laila,Leo,Mabel,Mina,Nadia,Ned,Olive,Owen,Pia,Priya,Quentin,Rhys,Robin,Rosa,Sami,Sefa,Tariq,Tess,Uma,Una,Vic,Wren,Yasmin,Yusuf,Zac,Zoe}'::text[], number) $$;
CREATE FUNCTION pg_temp.family(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_temp.pick('{Abbot,Alder,Ash,Banner,Birch,Brook,Carter,Chalk,Cole,Crane,Dale,Dove,Elm,Farrow,Fern,Finch,Flint,Frost,Gale,Glover,Gorse,Hale,Hazel,Heath,Holt,Hurst,Ives,Jay,Keel,Kite,Lark,Linden,Lock,Marsh,Mason,Mead,Moss,Nash,North,Oakes,Orchard,Page,Pike,Quill,Rook,Rowan,Rush,Sage,Sedge,Slate,Sparrow,Stone,Swift,Tanner,Teal,Thorn,Vale,Wade,Weir,Wick,Wren,Yarrow}'::text[], number) $$;
CREATE FUNCTION pg_temp.sentence(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_temp.pick(ARRAY[
        'We had tea and talked about the week.',
        'They had slept better and been to the allotment twice.',
        'The letter from the housing office was still unopened; we read it together.',
        'They asked for the next visit to be in the morning.',
        'We went over what helps when the evening gets long, and left the card on the fridge.',
        'Their sister rang while we were there and will come on Sunday.',
        'The surgery has moved the appointment to the week after next.',
        'They said the new medication makes them tired until noon.',
        'We walked to the park and back, and they talked about the choir.',
        'Nothing was wanted of us today beyond company.'
    ], number) $$;
