SELECT count(*) FROM s.spans
SELECT trace_id, count(*) AS n, count(DISTINCT span_id) FROM `s`.`spans` WHERE trace_id IN ('t1', 't2', 't3') AND time BETWEEN '2026-11-21T00:00:00Z' AND TIMESTAMP'2026-11-22 00:00:00' GROUP BY trace_id ORDER BY trace_id
SELECT count(DISTINCT trace_id, span_id) FROM s.spans WHERE date = '2026-11-21'
SELECT t.n FROM (SELECT trace_id, count(*) n FROM s.spans GROUP BY ALL) AS t WHERE t.n > 1
WITH x AS (SELECT * FROM s.numbers), y(k) AS (SELECT i FROM x WHERE b) SELECT count(k) FROM y
SELECT name, count_if(status.code = 'STATUS_CODE_ERROR') e, min(time) FROM s.spans GROUP BY name HAVING count(*) > 1
SELECT count(*) FROM s.spans s WHERE NULLIF(s.parent_span_id, '') IS NULL
SELECT spans.status.code, s.spans.span_id, spark_catalog.s.spans.flags FROM s.spans ORDER BY span_id
SELECT events[0].name, size(events), events[1].time_unix_nano, events.name FROM s.spans WHERE span_id = 'a'
SELECT attributes['token_count_request'], try_cast(attributes['k.d'] AS INT), attributes['nope'], attributes.token_count_request FROM s.legacy ORDER BY trace_id
SELECT element_at(attributes, 'nope'), try_element_at(attributes, 'k.d'), map_contains_key(attributes, 'k.d'), cardinality(attributes), sort_array(map_keys(attributes)) FROM s.legacy ORDER BY trace_id
SELECT e.name, try_variant_get(e.attributes, '$.m', 'string') FROM s.spans LATERAL VIEW explode(events) x AS e ORDER BY 1
SELECT span_id, pos FROM s.spans LATERAL VIEW OUTER posexplode(events) x AS pos, e WHERE trace_id = 't1' ORDER BY ALL
SELECT trace_id, k, v FROM s.legacy LATERAL VIEW explode(attributes) e AS k, v ORDER BY k
SELECT key, value FROM s.legacy LATERAL VIEW explode(attributes) ORDER BY key
SELECT e.pos, e.key, e.value FROM s.spans AS s, LATERAL variant_explode(s.attributes) AS e WHERE s.span_id = 'a' ORDER BY e.key
SELECT e.pos, e.key, e.value FROM s.spans AS s, LATERAL variant_explode(variant_get(s.attributes, '$.obj.list')) AS e WHERE s.span_id = 'a' ORDER BY 1
SELECT to_json(status), to_json(resource), resource FROM s.spans WHERE span_id = 'a'
SELECT to_json(events), to_json(attributes) FROM s.spans WHERE span_id = 'a'
SELECT try_variant_get(attributes, '$.text', 'int'), try_variant_get(attributes, '$.half', 'int'), try_variant_get(attributes, '$.true', 'double'), try_variant_get(attributes, '$.yes', 'double') FROM s.spans WHERE span_id = 'a'
SELECT try_variant_get(attributes, '$["a.b"]', 'int'), try_variant_get(attributes, '$.obj', 'string'), variant_get(attributes, '$.obj.list[1]'), try_variant_get(attributes, '$[\'a.b\']', 'string') FROM s.spans WHERE span_id = 'a'
SELECT try_variant_get(attributes, '$.metric_quality', 'string'), try_variant_get(attributes, '$.half', 'string'), try_variant_get(attributes, '$.big', 'bigint'), try_variant_get(attributes, '$.big', 'double'), try_variant_get(attributes, '$.true', 'string'), try_variant_get(attributes, '$.null', 'string') FROM s.spans WHERE span_id = 'a'
SELECT try_variant_get(attributes, '$.yes', 'boolean'), try_variant_get(attributes, '$.n', 'boolean'), try_variant_get(attributes, '$.obj.list[7]', 'string'), try_variant_get(attributes, '$.n.x', 'string'), try_variant_get(attributes, '$.text', 'variant') FROM s.spans WHERE span_id = 'a'
SELECT is_variant_null(try_variant_get(attributes, '$.null')), try_variant_get(attributes, '$.null') IS NULL, is_variant_null(try_variant_get(attributes, '$.nope')) FROM s.spans WHERE span_id = 'a'
SELECT try_variant_get(attributes, '$', 'map<string,variant>'), try_variant_get(attributes, '$.list', 'array<int>'), try_variant_get(attributes, '$.obj', 'map<string,string>'), try_variant_get(attributes, '$.n', 'map<string,string>') FROM s.spans WHERE span_id = 'a'
SELECT try_variant_get(attributes, '$.text', 'timestamp'), try_variant_get(attributes, '$.text', 'date'), try_variant_get(attributes, '$.text', 'decimal(5,2)'), try_variant_get(attributes, '$.half', 'bigint') FROM s.spans WHERE span_id = 'a'
SELECT try_variant_get(attributes, '$.list', 'double'), try_variant_get(attributes, '$.obj', 'array<int>'), try_variant_get(attributes, '$.obj.list', 'array<int>'), try_variant_get(attributes, '$.list', 'map<string,int>') FROM s.spans WHERE span_id = 'a'
SELECT CAST(try_variant_get(attributes, '$.n') AS STRING), CAST(attributes AS STRING) FROM s.spans WHERE span_id = 'c'
SELECT year(to_timestamp(1700000000123)), timestamp_millis(1700000000123), timestamp_micros(1700000000123456), timestamp_seconds(1.5D)
SELECT CAST(start_time_unix_nano DIV 1000000 AS BIGINT), (end_time_unix_nano - start_time_unix_nano) / 1e6 FROM s.spans WHERE span_id = 'a'
SELECT 1, 1L, 1.50, 1e0, 2.5D, 'x', true, NULL, -3, 7 / 2, 7 DIV 2, 7 % 4, 1.5 + 1, 1 = 1
SELECT 100.0 * 3, 1.5 * 1.25, 2 - 0.5, -1.5, 5S, 5Y, 3F, 7.0BD, 2147483648, 10 % 3.5D, -7 DIV 2, -7 % 3, 7 / 2.0D, 6 / 3
SELECT TIMESTAMP'2026-01-31 12:00:00' - INTERVAL 30 DAYS, DATE'2026-01-31' + INTERVAL 1 MONTH, TIMESTAMP'2026-01-31 12:00:00' + INTERVAL '2' HOURS, DATE'2026-01-31' - INTERVAL 1 DAY, DATE'2026-03-01' - 1, DATE'2024-02-29' + INTERVAL 1 YEAR
SELECT date_trunc('HOUR', TIMESTAMP'2026-01-31 12:34:56.789'), date_trunc('week', TIMESTAMP'2026-01-31 12:34:56'), date_trunc('QUARTER', TIMESTAMP'2026-05-31 12:34:56'), date_trunc('nonsense', TIMESTAMP'2026-01-31 12:34:56')
SELECT sum(i), avg(i), sum(d), max(s), min(b), count(b), max(d) FROM s.numbers
SELECT sum(i), avg(d), count(*), min(s) FROM s.numbers WHERE i > 100
SELECT percentile(d, 0.5), percentile_approx(d, 0.99), median(i), max_by(s, d), min_by(s, d), sort_array(collect_list(i)), count_if(b), bool_or(b), every(b) FROM s.numbers
SELECT approx_count_distinct(s), count(DISTINCT s), count(DISTINCT i, s), sum(DISTINCT i) FROM s.numbers
SELECT CASE s WHEN 'a' THEN 1 WHEN 'b' THEN 2.5D END x, coalesce(i, 0), if(b, 'y', 'n') FROM s.numbers ORDER BY i NULLS LAST, d
SELECT i, s FROM s.numbers ORDER BY i DESC, s
SELECT i FROM s.numbers ORDER BY i
SELECT i, sum(d) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM s.numbers WHERE i IS NOT NULL ORDER BY d
SELECT d, row_number() OVER (ORDER BY d), rank() OVER (ORDER BY i), dense_rank() OVER (ORDER BY i), lag(d) OVER (ORDER BY d), lead(d, 1, -1.0D) OVER (ORDER BY d), first_value(s) OVER (PARTITION BY s ORDER BY d) FROM s.numbers WHERE i IS NOT NULL ORDER BY d
SELECT s, count(*) * 100.0D / sum(count(*)) OVER () AS share FROM s.numbers WHERE s IS NOT NULL GROUP BY s ORDER BY share DESC
SELECT count(*) FILTER (WHERE b), sum(i) FILTER (WHERE s = 'a') FROM s.numbers
SELECT 'a' UNION SELECT 'b' UNION ALL SELECT 'b' ORDER BY 1 DESC
SELECT 1 UNION ALL SELECT 2.5D
SELECT 1 EXCEPT SELECT 2
SELECT 1 INTERSECT SELECT 1
SELECT * FROM VALUES (1, 'x'), (2, NULL) AS v(n, t) WHERE n <=> 2
SELECT DISTINCT s FROM s.numbers ORDER BY s
SELECT a.i, b.s FROM s.numbers a LEFT JOIN s.numbers b ON a.i = b.i AND b.d > 5 WHERE a.d < 5 ORDER BY 1
SELECT a.i, b.i FROM s.numbers a FULL OUTER JOIN (SELECT 7 AS i) b ON a.i = b.i ORDER BY 1, 2
SELECT i FROM s.numbers a LEFT SEMI JOIN (SELECT 2 AS n) t ON a.i = t.n
SELECT i FROM s.numbers a LEFT ANTI JOIN (SELECT 2 AS n) t ON a.i = t.n ORDER BY i
SELECT i, count(*) FROM s.numbers JOIN (SELECT 2 AS i) USING (i) GROUP BY i
SELECT i, n.d FROM s.numbers n FULL JOIN (SELECT 9 AS i) USING (i) ORDER BY i, d
SELECT DISTINCT trace_id FROM s.spans s WHERE EXISTS (SELECT 1 FROM s.legacy l WHERE l.trace_id = s.trace_id AND cardinality(l.attributes) > 0)
SELECT span_id FROM s.spans WHERE flags = (SELECT max(flags) FROM s.spans) AND trace_id NOT IN (SELECT trace_id FROM s.legacy WHERE false)
SELECT i + 1 AS j, j * 2 AS k FROM s.numbers WHERE i = 1
SELECT i AS d, d AS e FROM s.numbers WHERE d = 0.5
SELECT s AS x, count(*) FROM s.numbers GROUP BY x ORDER BY x
SELECT s, count(*) FROM s.numbers GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC
SELECT upper(left('straße', 3)), lower('ÄB'), concat('a', 1, true), substring('hello', -3, 2), 'a' || 1, length('é'), trim(' x '), replace('aa', 'a', 'b')
SELECT substring('hello', 0, 2), substring('hello', 2), substring('hello', 9), substring('hello', -9, 6), left('x', 5), right('hello', 2), substr('hello', 2, 2)
SELECT trim(BOTH '_' FROM '__a_b_'), trim(LEADING 'x' FROM 'xxa'), trim(TRAILING 'x' FROM 'axx'), ltrim('  a'), rtrim('a  '), btrim('xax', 'x')
SELECT 'it\'s', "double", 'a\nb' = 'a
b', 'x' LIKE 'X', 'x' ILIKE 'X', 'a_c' LIKE 'a\\_c', 'abc' LIKE 'a\\_c', 'abc' RLIKE '^a.c$', 'a%c' LIKE 'a^%c' ESCAPE '^'
SELECT 'a''b', 'a' 'b', 'tab\tx', '\\', 'a\%b'
SELECT regexp_replace('a1b', '([a-z])1', '$1-'), regexp_extract('k=v', '=(.)'), regexp_extract('k', '=(.)'), split_part('a.b.c', '.', -1), startswith('abc', 'ab'), contains('abc', 'd'), endswith('abc', 'bc'), substring_index('a/b/c', '/', -1), substring_index('a/b/c', '/', 2), substring_index('abc', '/', -1)
SELECT sha2('x', 256), md5('x'), reverse('abc'), instr('abc', 'c'), concat_ws('-', 'a', NULL, 'b')
SELECT CAST('2026-01-02' AS TIMESTAMP), CAST(TIMESTAMP'2026-01-02 03:04:05.06' AS STRING), CAST(1.0E10D AS STRING), CAST('12' AS INT) + 1, CAST(9.99 AS DECIMAL(5,1)), CAST(0.1D + 0.2D AS STRING), CAST(12345678.0D AS STRING), CAST(1e-4 AS STRING), CAST(true AS STRING), CAST(1.50 AS STRING)
SELECT CAST(' 12 ' AS INT), CAST('1' AS BOOLEAN), CAST('no' AS BOOLEAN), CAST(2 AS BOOLEAN), CAST(3.99D AS INT), CAST(-3.99D AS BIGINT), CAST('1.5' AS DOUBLE), CAST('1e3' AS DOUBLE), CAST(TIMESTAMP'1970-01-01 00:00:01.9' AS BIGINT), CAST(DATE'2026-01-02' AS TIMESTAMP), CAST(TIMESTAMP'2026-01-02 23:59:59' AS DATE), CAST(NULL AS INT)
SELECT TIMESTAMP'2026-01-02T03:04:05Z', TIMESTAMP'2026-01-02 03:04:05.123456+01:00', TIMESTAMP'2026-01-02', try_cast('2026-13-01' AS DATE), try_cast('x' AS TIMESTAMP), try_cast('2026-1-2' AS DATE), CAST('2026-01-02T03:04:05.678Z' AS DATE)
SELECT date_format(TIMESTAMP'2026-01-02 03:04:05.06', 'yyyy-MM-dd HH:mm:ss.SSS'), unix_millis(TIMESTAMP'1970-01-01 00:00:01'), unix_seconds(TIMESTAMP'1969-12-31 23:59:59.5'), unix_micros(TIMESTAMP'1970-01-01 00:00:01'), datediff(DATE'2026-01-03', '2026-01-01'), date_add('2026-01-01', 2), date_sub(DATE'2026-01-01', 2), hour(TIMESTAMP'2026-01-02 03:04:05'), day('2026-01-02')
SELECT parse_json('{"b":1,"a":[true,null,1.0]}'), try_parse_json('{'), to_json(named_struct('x', 1, 'y', array('a'))), get_json_object('{"a":{"b":1}}', '$.a.b'), get_json_object('{"a":{"b":1}}', '$.a'), get_json_object('x', '$.a')
SELECT greatest(1, 3, NULL), least('b', 'a'), round(2.345D, 2), round(2.5D), floor(-1.5D), ceil(1.2D), abs(-2), typeof(1L), array_contains(array(1, 2), 2), element_at(array('x'), -1), nvl2(NULL, 1, 2), sqrt(9), pow(2, 3), sign(-2.5D), size(array(1, 2))
SELECT nullif(1, 1), ifnull(NULL, 'x'), nvl(NULL, 2), coalesce(NULL, NULL), isnull(NULL), isnotnull(1), NULL = 1, NULL <=> NULL, 1 <=> NULL, NOT NULL, NULL OR true, NULL AND false, 1 IN (2, NULL), 1 NOT IN (2, NULL)
SELECT 1 BETWEEN 0 AND 2, 3 NOT BETWEEN 0 AND 2, 'a' < 'b', 'B' < 'a', 1 = 1.0, '2' = 2, DATE'2026-01-01' < TIMESTAMP'2026-01-01 00:00:01', true IS NOT FALSE, NULL IS NOT TRUE, 1 IS DISTINCT FROM NULL, 'a' IS NOT DISTINCT FROM 'a'
SELECT map_filter(attributes, (k, v) -> k LIKE 'metric%'), transform_keys(attributes, (k, v) -> upper(k)), transform_values(attributes, (k, v) -> try_cast(v AS DOUBLE)) FROM s.legacy ORDER BY trace_id
SELECT transform(array(1, 2, 3), x -> x * 10), filter(array(1, 2, 3), x -> x > 1), transform(array('a', 'b'), (x, i) -> concat(x, i)), filter(array(1, NULL), x -> x IS NOT NULL)
SELECT transform_values(map_filter(try_variant_get(attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'metric_')), (k, v) -> try_variant_get(v, '$', 'double')) FROM s.spans ORDER BY span_id
SELECT map('a', 1, 'b', 2), map_concat(map('a', 1), map('b', 2)), map_from_entries(collect_list(struct(s, d))) FROM s.numbers WHERE d < 2
SELECT CAST(map() AS MAP<STRING, STRING>), array(), struct(1, 'x'), named_struct('a', NULL), array(1, 2.5D), sort_array(map_keys(map('b', 1, 'a', 2)))
SELECT first(s, TRUE), any_value(i) FROM s.numbers WHERE d = 0.5
SELECT status, events FROM s.spans WHERE span_id = 'b'
SELECT current_date() = CAST(current_timestamp() AS DATE), typeof(now()), typeof(current_date())
SELECT count(*) AS n FROM (SELECT 1 WHERE false)
SELECT * FROM s.numbers LIMIT 0
SELECT i FROM s.numbers WHERE i IS NOT NULL ORDER BY d LIMIT 1 OFFSET 1
SELECT '1' + 1, '1.5' + 1.0D, 1 || 2, concat('x', NULL), 'x' || NULL
SELECT typeof(1 + 1L), typeof(1 / 1), typeof(1.0 + 1), typeof(1 DIV 1), typeof(count(*)), typeof(sum(i)), typeof(avg(i)), typeof(sum(d)), typeof(max(i)) FROM s.numbers
SELECT typeof(if(true, 1, 2L)), typeof(coalesce(1, 2.5)), typeof(coalesce(1, 2.5D)), typeof(array(1, 2L)), typeof(CASE WHEN true THEN DATE'2026-01-01' ELSE TIMESTAMP'2026-01-01 00:00:00' END), typeof(floor(1.5D)), typeof(round(1)), typeof(length('x')), typeof(size(array(1)))
SELEC 1
SELECT 1 2
SELECT (1
SELECT x
SELECT status_code FROM s.spans
SELECT status.cod FROM s.spans
SELECT attributes.n FROM s.spans
SELECT name.x FROM s.spans
SELECT * FROM s.nope
SELECT nosuchfunction(1)
SELECT trace_id, count(*) FROM s.spans
SELECT trace_id, name FROM s.spans GROUP BY trace_id
SELECT attributes, count(*) FROM s.spans GROUP BY attributes
SELECT DISTINCT attributes FROM s.spans
SELECT 1 FROM s.spans ORDER BY attributes
SELECT max(attributes) FROM s.spans
SELECT 1 FROM s.spans WHERE attributes = 12
SELECT 1 FROM s.spans WHERE flags
SELECT 1 FROM s.spans WHERE count(*) > 1
SELECT sum(count(*)) FROM s.spans
SELECT span_id FROM s.spans a, s.spans b
SELECT variant_get(attributes, '$.n', 'int') FROM s.spans WHERE span_id = 'c'
SELECT CAST(variant_get(attributes, '$.n') AS INT) FROM s.spans WHERE span_id = 'c'
SELECT try_variant_get(attributes, 'n', 'int') FROM s.spans
SELECT CAST('abc' AS INT)
SELECT 1 FROM s.spans WHERE trace_id = 1
SELECT 1 / 0
SELECT 1 % 0
SELECT 9223372036854775807 + 1
SELECT 2147483647 + 1
SELECT start_time_unix_nano * 1000 FROM s.spans
SELECT CAST(300 AS TINYINT)
SELECT CAST(1e20 AS BIGINT)
SELECT events[7] FROM s.spans WHERE span_id = 'a'
SELECT element_at(array(1), 5)
SELECT CASE WHEN true THEN 1 ELSE DATE'2026-01-01' END
SELECT 1 UNION SELECT 1, 2
SELECT map() UNION SELECT map()
SELECT row_number()
SELECT lower()
SELECT lower(status) FROM s.spans
SELECT 1 LIMIT 'x'
SELECT i FROM s.numbers ORDER BY 9
SELECT i FROM s.numbers GROUP BY 9
SELECT i AS n FROM s.numbers WHERE n = 1
SELECT sum(s) FROM s.numbers
SELECT sum(b) FROM s.numbers
SELECT -'x'
SELECT true + 1
SELECT true = 1
SELECT CAST(true AS DATE)
SELECT CAST(1 AS DATE)
SELECT to_json(1)
SELECT to_timestamp('x')
SELECT map('a', 1, 'a', 2)
SELECT map(NULL, 1)
SELECT (SELECT 1, 2)
SELECT 1 IN (SELECT 1, 2)
SELECT a.* FROM s.numbers
SELECT size('x')
SELECT * FROM (SELECT 1 AS a) AS t(x, y)
SELECT 'x' LIKE 1
SELECT concat(map('a', 1), 'x')
SELECT parse_json('{')
SELECT transform(array(1), (x, y, z) -> x)
SELECT lag(1)
SELECT DATE'2026-13-01'
SELECT TIMESTAMP'x'
SELECT INTERVAL 1 FORTNIGHT
SELECT CAST('x' AS NOTYPE)
