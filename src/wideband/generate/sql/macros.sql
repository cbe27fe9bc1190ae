-- Numbers told by what they are for and a row's number. Hashed twice: hashes of several values are XORed in the end, so
-- those of one row would go together.
CREATE OR REPLACE TEMP MACRO mixed(purpose, x) AS hash(hash(getvariable('seed'), purpose, x));

-- Of [0, 1).
CREATE OR REPLACE TEMP MACRO chance(purpose, x) AS (mixed(purpose, x) >> 11)::DOUBLE / 9007199254740992.0;

-- Normal, mean 0 and deviation 1 (Box and Muller).
CREATE OR REPLACE TEMP MACRO bell(h) AS
    sqrt(-2 * ln(((h >> 32)::DOUBLE + 1) / 4294967297.0)) * cos(2 * pi() * ((h & 4294967295)::DOUBLE / 4294967296.0));

CREATE OR REPLACE TEMP MACRO normal(purpose, x) AS bell(mixed(purpose, x));

-- The number of the calendar month of a day.
CREATE OR REPLACE TEMP MACRO month_no(d) AS
    datediff('month', DATE '2000-01-01', getvariable('first')::DATE + floor(d)::INTEGER);

-- How much of its best share a model has: it is taken up within weeks, and fades.
CREATE OR REPLACE TEMP MACRO vogue(launched, half_life, d) AS
    CASE WHEN d < launched THEN 0
        ELSE (1 - exp(-(d - launched + 0.5) / 12.0))
            * greatest(0.03, pow(0.5, greatest(0, d - launched - 30) / half_life))
    END;

-- The share of a month's newcomers that is active so many months later.
CREATE OR REPLACE TEMP MACRO staying(core, months) AS
    CASE WHEN months <= 0 THEN 1.0
        WHEN core THEN 0.52 + 0.26 * exp(-(months - 1) / 3.0)
        ELSE 0.08 + 0.34 * exp(-(months - 1) / 1.6)
    END;

-- What a try meets, None when all is well.
CREATE OR REPLACE TEMP MACRO fault_of(x, n, failing) AS
    CASE WHEN n.is_down AND chance('down', x) < 0.93 THEN n.fault
        WHEN n.is_limited AND chance('limited', x) < 0.4 THEN 'provider_rate_limited'
        WHEN chance('fails', x) < failing * sqrt(n.strain) THEN
            CASE WHEN chance('how', x) < 0.46 THEN 'provider_rate_limited'
                WHEN chance('how', x) < 0.70 THEN 'provider_error'
                WHEN chance('how', x) < 0.88 THEN 'provider_overloaded'
                WHEN chance('how', x) < 0.95 THEN 'provider_unreachable'
                ELSE 'provider_timeout'
            END
    END;

-- A try that failed.
CREATE OR REPLACE TEMP MACRO failed(f, endpoint, supplier, model, began_ns, wait_ms, byok) AS {
    endpoint_id: endpoint, provider: supplier.slug, provider_name: supplier.name, model: model, status: f.try_status,
    fault: f.kind, message: f.message, counted_as_down: f.down, started_ns: began_ns,
    headers_ms: CASE WHEN f.try_status > 0 THEN wait_ms END, ttft_ms: NULL::DOUBLE, duration_ms: wait_ms,
    upstream_id: NULL::VARCHAR, hedge: false, is_byok: byok, wasted_nano: 0
}
