-- The records of some days, step by step. All chance comes from hashes of the seed and the numbers of rows, so the same
-- seed gives the same rows. What differs from day to day stands in the table `today`: `day` (days since the first),
-- `weekday`, `sofar` (share of all days that is over), `start_ns` and `cap_ms` (how much of the day there is), `records`,
-- `sittings`. Rows are numbered over all days: a day's sittings from ten million times its number.

-- How much of the day has come, where it is not over.
CREATE OR REPLACE TEMP TABLE over AS
SELECT day, rhythm, region, sum(share * least(1, greatest(0, cap_ms / 900000.0 - quarter))) AS over
FROM today CROSS JOIN clock GROUP BY ALL;

-- Who is there today. Nobody comes daily; who does, differs.
CREATE OR REPLACE TEMP TABLE awake AS
WITH active AS (
    SELECT d.day, p.no AS person, p.kind, p.app, p.key, p.region, p.home, p.core, k.rhythm,
        p.zeal * (k.share_first + (k.share_last - k.share_first) * d.sofar) / (k.share_first + k.share_last)
            * w.factor * v.over AS weight
    FROM today AS d CROSS JOIN person AS p JOIN kind AS k ON k.no = p.kind
    JOIN week AS w ON w.rhythm = k.rhythm AND w.weekday = d.weekday
    JOIN over AS v ON v.day = d.day AND v.rhythm = k.rhythm AND v.region = p.region
    WHERE p.came <= d.day + 1 AND chance('today', d.day * 10000000 + p.no) < 0.45
    AND chance('month', p.no * 1000 + month_no(d.day) - p.month) < staying(p.core, month_no(d.day) - p.month)
)
SELECT *, sum(weight) OVER (PARTITION BY day ORDER BY person) / sum(weight) OVER (PARTITION BY day) AS upto
FROM active WHERE weight > 0;

-- Which models are asked for.
CREATE OR REPLACE TEMP TABLE offer AS
WITH wanted AS (
    SELECT d.day, f.kind, p.no AS product,
        p.share * f.fit * vogue(p.launched, p.half_life, d.day) * exp(0.12 * normal('model', d.day * 100000 + p.no))
            AS weight
    FROM today AS d CROSS JOIN product AS p JOIN fit AS f ON f.product = p.no
)
SELECT day, kind, product,
    sum(weight) OVER (PARTITION BY day, kind ORDER BY product) / sum(weight) OVER (PARTITION BY day, kind) AS upto
FROM wanted WHERE weight > 0;

-- What goes wrong at whom in each quarter of an hour; `strain` multiplies waits.
CREATE OR REPLACE TEMP TABLE state AS
WITH hit AS (
    SELECT day, supplier, trouble, fault, (begins - day) * 96 AS begins, (ends - day) * 96 AS ends
    FROM today JOIN incident ON ends > day AND begins < day + 1
)
SELECT d.day, s.no AS supplier, q.quarter, coalesce(bool_or(h.trouble = 'down'), false) AS is_down,
    coalesce(bool_or(h.trouble = 'limited'), false) AS is_limited, max(h.fault) FILTER (h.trouble = 'down') AS fault,
    CASE WHEN (q.quarter // 4 - s.peak_from + 24) % 24 < (s.peak_to - s.peak_from + 24) % 24 THEN s.peak_factor
        ELSE 1.0
    END * CASE WHEN bool_or(h.trouble = 'slow') THEN 3.2 ELSE 1.0 END AS strain
FROM today AS d CROSS JOIN supplier AS s CROSS JOIN range(96) AS q(quarter)
LEFT JOIN hit AS h ON h.day = d.day AND h.supplier = s.no AND h.begins <= q.quarter AND h.ends > q.quarter
GROUP BY d.day, s.no, q.quarter, s.peak_from, s.peak_to, s.peak_factor;

-- A sitting is one person with one model: a session of some turns.
CREATE OR REPLACE TEMP TABLE sitting AS
WITH met AS (
    SELECT d.* EXCLUDE (at_), a.* EXCLUDE (upto, day)
    FROM (
        SELECT day, sofar, start_ns, cap_ms, records, s, chance('person', s) AS at_
        FROM (SELECT *, day * 10000000 + unnest(range(sittings)) AS s FROM today)
    ) AS d
    ASOF JOIN awake AS a ON d.day = a.day AND d.at_ < a.upto
),
chosen AS (
    SELECT m.*,
        CASE WHEN chance('loyal', s) < CASE WHEN m.core THEN 0.92 ELSE 0.5 END THEN m.home ELSE o.product END AS product
    FROM (SELECT *, chance('product', s) AS at_ FROM met) AS m
    ASOF JOIN offer AS o ON m.day = o.day AND m.kind = o.kind AND m.at_ < o.upto
),
timed AS (
    SELECT c.*, k.* EXCLUDE (no, name, rhythm),
        least(1 + floor(-ln(1 - chance('turns', s)) * greatest(k.turns - 1, 0.01))::BIGINT, 60) AS turn_count,
        chance('clock', s) * v.over AS at_, greatest(200, k.gap_s * 1000 * exp(0.6 * normal('gap', s)))::BIGINT AS gap_ms
    FROM chosen AS c JOIN kind AS k ON k.no = c.kind
    JOIN over AS v ON v.day = c.day AND v.rhythm = c.rhythm AND v.region = c.region
),
placed AS (
    SELECT t.*, sum(turn_count) OVER (PARTITION BY day ORDER BY s) - turn_count AS before,
        -- The last turn of a sitting lies in the same day.
        greatest(0, least(((c.quarter + (t.at_ - c.upto + c.share) / c.share) * 900000)::BIGINT,
            cap_ms - 1 - turn_count * gap_ms)) AS begins_ms
    FROM timed AS t ASOF JOIN clock AS c ON t.rhythm = c.rhythm AND t.region = c.region AND t.at_ < c.upto
)
SELECT p.*, v.word AS dialect, g.word AS tag,
    p.prompt * pow(1.0 + p.growth, day / 30.4) * exp(p.prompt_spread * normal('prompt', s)) AS base,
    p.grows * exp(0.5 * normal('grows', s)) AS step, chance('streams', s) < p.streamed AS is_streamed,
    chance('structured', s) < p.structured AS is_structured
FROM placed AS p
JOIN voice AS v ON v.of = p.kind AND v.slot = (mixed('voice', p.app) & 255)
JOIN tag AS g ON g.of = p.kind AND g.slot = (mixed('tag', s) & 255)
WHERE before < records;

-- One row a request: who is asked first, second and third, and what becomes of each.
CREATE OR REPLACE TEMP TABLE turn AS
WITH asked AS (
    SELECT *, s * 64 + turn AS x,
        least(cap_ms - 1, begins_ms + turn * gap_ms
            + (chance('jitter', s * 64 + turn) * gap_ms * 0.7)::BIGINT) AS at_ms
    FROM (SELECT * EXCLUDE (turns), unnest(range(turn_count)) AS turn FROM sitting)
    WHERE before + turn < records
),
-- Some requests never reach a provider: refused for what they are or whose they are, or answered from the cache.
fated AS (
    SELECT *, at_ms // 900000 AS quarter, fate > 0.995 AND turn = 0 AND NOT is_streamed AS is_replayed,
        CASE WHEN fate < 0.0035 THEN 'invalid_request' WHEN fate < 0.0045 THEN 'context_length_exceeded'
            WHEN fate < 0.006 THEN 'payment_required' WHEN fate < 0.008 THEN 'rate_limit_exceeded'
        END AS refused
    FROM (SELECT *, chance('fate', x) AS fate FROM asked)
),
-- Conversations stay where their prompt is cached; few requests find out whether what is down is mended.
picked AS (
    SELECT f.*, k.places,
        CASE WHEN k.places > 1 AND n.is_down AND chance('probe', x) > 0.06
            THEN (k.place + 1 + mixed('instead', x) % (k.places - 1)) % k.places ELSE k.place
        END AS place
    FROM fated AS f
    JOIN pick AS k ON k.product = f.product
        AND k.slot = (CASE WHEN chance('stays', x) < 0.85 THEN mixed('place', s) ELSE mixed('elsewhere', x) END & 255)
    JOIN offering AS e ON e.product = k.product AND e.place = k.place
    JOIN state AS n ON n.day = f.day AND n.supplier = e.supplier AND n.quarter = f.quarter
),
first_ AS (
    SELECT p.*, e.no AS offering0, e.supplier AS supplier0, fault_of(x * 4, n, e.failing) AS fault0
    FROM picked AS p JOIN offering AS e ON e.product = p.product AND e.place = p.place
    JOIN state AS n ON n.day = p.day AND n.supplier = e.supplier AND n.quarter = p.quarter
),
second_ AS (
    SELECT p.*, e.no AS offering1, e.supplier AS supplier1, fault_of(x * 4 + 1, n, e.failing) AS fault1
    FROM first_ AS p JOIN offering AS e ON e.product = p.product AND e.place = (p.place + 1) % p.places
    JOIN state AS n ON n.day = p.day AND n.supplier = e.supplier AND n.quarter = p.quarter
),
third_ AS (
    SELECT p.*, e.no AS offering2, e.supplier AS supplier2, fault_of(x * 4 + 2, n, e.failing) AS fault2
    FROM second_ AS p JOIN offering AS e ON e.product = p.product AND e.place = (p.place + 2) % p.places
    JOIN state AS n ON n.day = p.day AND n.supplier = e.supplier AND n.quarter = p.quarter
)
SELECT *,
    CASE WHEN refused IS NOT NULL OR is_replayed THEN NULL WHEN fault0 IS NULL THEN 0
        WHEN places > 1 AND fault1 IS NULL THEN 1 WHEN places > 2 AND fault2 IS NULL THEN 2
    END AS served_at,
    CASE WHEN refused IS NOT NULL OR is_replayed THEN 0 WHEN fault0 IS NULL OR places = 1 THEN 1
        WHEN fault1 IS NULL OR places = 2 THEN 2 ELSE 3
    END AS tried
FROM third_;

-- What was said, how fast, and what it cost.
CREATE OR REPLACE TEMP TABLE fact AS
WITH served AS (
    SELECT t.*, m.context, m.thinks, m.valid, m.id AS model, h.byok, h.hash AS key_hash, h.account_id,
        e.no AS offering, e.id AS endpoint_id, e.supplier, e.ttft_ms AS ttft_median, e.tokens_per_s AS speed_median,
        e.window_from, e.window_to, e.long_from, n.strain, at_ms // 60000 AS minute, chance('ending', x) AS ending,
        least(m.context - 64, round(base + turn * step))::BIGINT AS prompt_,
        least(m.context - 64, round(base + (turn - 1) * step))::BIGINT AS before_,
        -- How long each try that failed took.
        coalesce(round(f0.wait_ms * exp(0.5 * normal('fault', x * 4)), 1), 0) AS wait0,
        coalesce(round(f1.wait_ms * exp(0.5 * normal('fault', x * 4 + 1)), 1), 0) AS wait1,
        coalesce(round(f2.wait_ms * exp(0.5 * normal('fault', x * 4 + 2)), 1), 0) AS wait2,
        f0 AS failed0, f1 AS failed1, f2 AS failed2
    FROM turn AS t JOIN product AS m ON m.no = t.product JOIN held AS h ON h.no = t.key
    LEFT JOIN offering AS e
        ON e.no = CASE t.served_at WHEN 0 THEN t.offering0 WHEN 1 THEN t.offering1 WHEN 2 THEN t.offering2 END
    LEFT JOIN fault AS f0 ON f0.kind = t.fault0 AND t.tried > 0
    LEFT JOIN fault AS f1 ON f1.kind = t.fault1 AND t.tried > 1
    LEFT JOIN fault AS f2 ON f2.kind = t.fault2 AND t.tried > 2
    LEFT JOIN state AS n ON n.day = t.day AND n.supplier = e.supplier AND n.quarter = t.quarter
),
priced AS (
    SELECT s.*, r.* EXCLUDE (offering, inside, long),
        s.offering IS NOT NULL AND ending BETWEEN 0.012 AND 0.0135 AS is_cut,
        s.offering IS NOT NULL AND ending < 0.012 AND is_streamed AS is_cancelled,
        s.offering IS NOT NULL AND chance('calls', x) < tools_first + (tools_last - tools_first) * sofar AS calls
    FROM served AS s
    LEFT JOIN rate AS r ON r.offering = s.offering AND r.long = (s.prompt_ > s.long_from)
        AND r.inside = CASE WHEN window_from < window_to THEN minute >= window_from AND minute < window_to
            WHEN window_from > window_to THEN minute >= window_from OR minute < window_to ELSE false END
),
said AS (
    SELECT *, CASE WHEN is_cut OR is_cancelled THEN 0.05 + 0.9 * chance('early', x) ELSE 1.0 END AS part,
        greatest(1, completion * exp(completion_spread * normal('says', x)) * CASE WHEN calls THEN 0.7 ELSE 1 END)
            AS words,
        CASE WHEN thinks THEN exp(0.9 * normal('thinks', x)) * 1.1 ELSE 0 END AS thought,
        CASE WHEN turn > 0 AND caches AND before_ >= 1024 AND served_at = 0 AND chance('cached', x) < caching
            THEN before_ // 128 * 128 ELSE 0
        END AS cached_
    FROM priced
),
counted AS (
    SELECT *, CASE WHEN offering IS NULL THEN 0 ELSE greatest(1, prompt_) END AS prompt_tokens,
        CASE WHEN offering IS NULL THEN 0
            ELSE least(32768, greatest(1, round(words * (1 + thought) * part)))::BIGINT
        END AS completion_tokens,
        CASE WHEN offering IS NULL THEN 0 ELSE least(32768, round(words * thought * part))::BIGINT END
            AS reasoning_,
        CASE WHEN offering IS NULL THEN 0 ELSE least(cached_, prompt_) END AS cached_tokens
    FROM said
),
written AS (
    SELECT *, least(reasoning_, completion_tokens) AS reasoning_tokens,
        CASE WHEN offering IS NOT NULL AND writes AND prompt_tokens >= 1024
            THEN (prompt_tokens - cached_tokens) // 128 * 128 ELSE 0
        END AS cache_write_tokens,
        CASE WHEN offering IS NOT NULL
            THEN ttft_median * strain * exp(0.36 * normal('waits', x)) + (prompt_tokens - cached_tokens) / 40.0
        END AS first_ms,
        CASE WHEN offering IS NOT NULL THEN completion_tokens * 1000.0
            / (speed_median / sqrt(strain) * exp(0.17 * normal('speaks', x)))
        END AS rest_ms
    FROM counted
)
SELECT * EXCLUDE (prompt, completion),
    coalesce((prompt_tokens * prompt_rate - cached_tokens * (prompt_rate - read_rate)
        - cache_write_tokens * (prompt_rate - write_rate) + 500000) // 1000000, 0) AS prompt_nano,
    coalesce((prompt_tokens * prompt_rate + 500000) // 1000000, 0) AS undiscounted_nano,
    coalesce((completion_tokens * completion_rate + 500000) // 1000000, 0) AS completion_nano,
    CASE WHEN offering IS NULL THEN 0 ELSE request_rate END AS request_nano
FROM written;

-- The rows as records have them, their tries in them.
CREATE OR REPLACE TEMP TABLE drawn AS
WITH ended AS (
    SELECT f.*, start_ns + at_ms * 1000000 + mixed('ns', x) % 1000000 AS created_ns,
        CASE WHEN refused IS NOT NULL THEN refused WHEN is_replayed THEN NULL
            WHEN offering IS NULL THEN CASE tried WHEN 1 THEN fault0 WHEN 2 THEN fault1 ELSE fault2 END
            WHEN is_cut THEN 'provider_cut' WHEN is_cancelled THEN 'cancelled'
        END AS fault,
        prompt_nano + completion_nano + request_nano AS price_nano, wait0 + wait1 + wait2 AS waited_ms,
        round(CASE WHEN is_streamed THEN first_ms ELSE first_ms + rest_ms END, 1) AS ttft_ms,
        round(CASE WHEN is_streamed THEN rest_ms ELSE 0 END, 1) AS generation_ms,
        calls AND NOT is_cancelled AND NOT is_cut AS is_calling
    FROM fact AS f
)
SELECT day,
    'gen-' || created_ns // 1000000000 || '-' || lpad(lower(to_hex(mixed('id', x))), 16, '0')
        || lpad(lower(to_hex(mixed('tail', x) & 65535)), 4, '0') AS id,
    created_ns, account_id, key_hash,
    CASE e.dialect WHEN 'anthropic_messages' THEN 'messages' WHEN 'openai_responses' THEN 'responses'
        WHEN 'gemini_generate' THEN 'generate_content' WHEN 'openai_embeddings' THEN 'embeddings'
        ELSE 'completions'
    END AS api_type,
    e.dialect AS dialect_in, p.dialect AS dialect_out,
    CASE WHEN offering IS NULL THEN 'none' WHEN p.dialect = e.dialect THEN 'fast' ELSE 'translated' END AS lane,
    model AS requested_model, model, p.slug AS provider, p.name AS provider_name, endpoint_id, NULL AS upstream_id,
    is_streamed AS streamed, is_cancelled AS cancelled,
    CASE WHEN is_cancelled THEN 499 WHEN offering IS NOT NULL OR e.fault IS NULL THEN 200 ELSE o.status END AS status,
    e.fault AS fault, o.message AS fault_message,
    CASE WHEN offering IS NULL OR e.fault IS NOT NULL THEN NULL WHEN is_calling THEN 'tool_calls'
        WHEN ending > 0.985 THEN 'length' WHEN ending > 0.983 THEN 'content_filter' ELSE 'stop'
    END AS finish_reason,
    NULL AS native_finish_reason,
    list_concat(
        CASE WHEN failed0.kind IS NULL THEN []
            ELSE [failed(failed0, e0.id, s0, model, created_ns, wait0, byok)] END,
        CASE WHEN failed1.kind IS NULL THEN []
            ELSE [failed(failed1, e1.id, s1, model, created_ns + (wait0 * 1000000)::BIGINT, wait1, byok)] END,
        CASE WHEN failed2.kind IS NULL THEN []
            ELSE [failed(failed2, e2.id, s2, model, created_ns + ((wait0 + wait1) * 1000000)::BIGINT, wait2, byok)] END,
        CASE WHEN offering IS NULL THEN [] ELSE [{
            endpoint_id: e.endpoint_id, provider: p.slug, provider_name: p.name, model: e.model, status: 200,
            fault: e.fault, message: o.message, counted_as_down: coalesce(o.down, false),
            started_ns: created_ns + (waited_ms * 1000000)::BIGINT, headers_ms: round(first_ms * 0.9, 1),
            ttft_ms: e.ttft_ms, duration_ms: e.ttft_ms + generation_ms, upstream_id: NULL::VARCHAR, hedge: false,
            is_byok: byok, wasted_nano: 0
        }] END
    ) AS tries,
    prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, 0 AS cache_write_1h_tokens, reasoning_tokens,
    'generated' AS usage_source,
    CASE WHEN is_calling THEN 1 + (chance('more', x) < 0.18)::INTEGER ELSE 0 END AS tool_calls,
    CASE WHEN byok THEN (price_nano * getvariable('fee_permille') + 500) // 1000 ELSE price_nano END AS cost_nano,
    CASE WHEN byok THEN 0 ELSE prompt_nano END AS prompt_cost_nano,
    CASE WHEN byok THEN 0 ELSE completion_nano END AS completion_cost_nano,
    CASE WHEN byok THEN 0 ELSE undiscounted_nano - prompt_nano END AS cache_discount_nano,
    coalesce(rates, '{}') AS rates, price_nano + price_nano // 4 AS held_nano,
    round(waited_ms + e.ttft_ms, 1) AS latency_ms, e.ttft_ms AS ttft_ms, generation_ms,
    round(2.0 + 3 * chance('work', x) + waited_ms + coalesce(e.ttft_ms + generation_ms, 0), 1) AS duration_ms,
    [] AS losses, true AS simulated, 0 AS search_units,
    CASE WHEN turn_count > 1 THEN 'sim-session-' || lpad(lower(to_hex(mixed('session', e.s))), 16, '0') END AS session_id,
    CASE WHEN mixed('named', app) % 10 < 7 THEN 'sim-user-' || person END AS user,
    a.url AS app_url, a.title AS app_title, a.user_agent, CASE WHEN tried > 0 THEN 'market' END AS strategy, [] AS weighed,
    coalesce(served_at = 0 AND cached_tokens > 0, false) AS is_warm,
    CASE WHEN NOT is_calling THEN NULL WHEN chance('valid', x) < valid THEN 'valid'
        WHEN chance('valid', x) < valid + (1 - valid) * 0.6 THEN 'schema_mismatch'
        WHEN chance('valid', x) < valid + (1 - valid) * 0.9 THEN 'invalid_json' ELSE 'unknown_name'
    END AS tool_verdict,
    CASE WHEN NOT is_structured OR is_calling OR offering IS NULL OR e.fault IS NOT NULL THEN NULL
        WHEN chance('fits', x) < 0.5 + valid / 2 THEN 'valid' ELSE 'schema_mismatch'
    END AS structured_verdict,
    CASE WHEN is_streamed AND chance('stalls', x) < 0.004 * strain THEN 1 ELSE 0 END AS stalls,
    NULL AS service_tier, byok AND offering IS NOT NULL AS is_byok, price_nano AS upstream_cost_nano,
    false AS is_insured, is_replayed, NULL AS preset, tag AS task_tag
FROM ended AS e LEFT JOIN supplier AS p ON p.no = e.supplier JOIN app AS a ON a.no = e.app
LEFT JOIN fault AS o ON o.kind = e.fault
LEFT JOIN offering AS e0 ON e0.no = e.offering0 LEFT JOIN supplier AS s0 ON s0.no = e.supplier0
LEFT JOIN offering AS e1 ON e1.no = e.offering1 LEFT JOIN supplier AS s1 ON s1.no = e.supplier1
LEFT JOIN offering AS e2 ON e2.no = e.offering2 LEFT JOIN supplier AS s2 ON s2.no = e.supplier2
