-- The tables of one PostgreSQL schema as JSON, an expression that reads as `Vec<Table>`. `:schema` stands for
-- the schema's name as a literal.
(SELECT coalesce(json_agg(json_build_object(
    'name', t.relname,
    'comment', obj_description(t.oid, 'pg_class'),
    'columns', (SELECT coalesce(json_agg(json_build_object(
            'name', c.attname,
            -- A domain of PostgreSQL's is what it is made of.
            'sql_type', (SELECT coalesce(base.typname, type.typname)
                FROM pg_type type LEFT JOIN pg_type base ON base.oid = type.typbasetype WHERE type.oid = c.atttypid),
            'nullable', NOT c.attnotnull,
            'comment', col_description(t.oid, c.attnum)
        ) ORDER BY c.attnum), '[]')
        FROM pg_attribute c WHERE c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped),
    'primary_key', (SELECT coalesce(json_agg(c.attname ORDER BY key.position), '[]')
        FROM pg_constraint k, unnest(k.conkey) WITH ORDINALITY key (attnum, position), pg_attribute c
        WHERE k.conrelid = t.oid AND k.contype = 'p' AND c.attrelid = t.oid AND c.attnum = key.attnum),
    'references', (SELECT coalesce(json_agg(json_build_object(
            'table', other.relname,
            'columns', (SELECT json_agg(c.attname ORDER BY key.position)
                FROM unnest(k.conkey) WITH ORDINALITY key (attnum, position), pg_attribute c
                WHERE c.attrelid = t.oid AND c.attnum = key.attnum),
            'to', (SELECT json_agg(c.attname ORDER BY key.position)
                FROM unnest(k.confkey) WITH ORDINALITY key (attnum, position), pg_attribute c
                WHERE c.attrelid = other.oid AND c.attnum = key.attnum)
        ) ORDER BY k.conname), '[]')
        FROM pg_constraint k JOIN pg_class other ON other.oid = k.confrelid
        WHERE k.conrelid = t.oid AND k.contype = 'f' AND other.relnamespace = t.relnamespace)
)), '[]')::text
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = :schema AND t.relkind IN ('r', 'p') AND NOT t.relispartition)
