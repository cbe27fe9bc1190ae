-- Who there is: everybody has an app, which says what for; and, since the week of coming, a model.

CREATE OR REPLACE TEMP TABLE crowd AS
WITH app_upto AS (
    SELECT a.no AS app, kind, key,
        sum(share * (share_first + share_last)) OVER (ORDER BY a.no) / sum(share * (share_first + share_last)) OVER ()
            AS upto
    FROM app AS a JOIN kind AS k ON k.no = a.kind
),
drawn AS (
    SELECT no, chance('whose app', no) AS app_at, chance('region', no) AS region_at, chance('whose model', no) AS model_at,
        -- A third is there from the start, the others come at a growing rate.
        CASE WHEN chance('there', no) < 0.33 THEN -120 * chance('when', no)
            ELSE getvariable('days') * pow(chance('when', no), 0.8)
        END AS came,
        least(pow(1 - chance('zeal', no), -0.6), 300) AS zeal
    FROM range(getvariable('people')) AS r(no)
)
SELECT d.no, d.came, month_no(d.came) AS month, floor(d.came / 7)::INTEGER AS came_week, d.zeal, d.model_at, app, kind, key, r.region
FROM (FROM drawn AS d ASOF JOIN app_upto AS a ON d.app_at < a.upto) AS d ASOF JOIN region AS r ON d.region_at < r.upto;

CREATE OR REPLACE TEMP TABLE person AS
WITH weighed AS (
    SELECT w.week, f.kind, p.no AS product, p.core AND w.week * 7 < p.launched + 60 AS core,
        p.share * f.fit * vogue(p.launched, p.half_life, w.week * 7 + 4) AS weight
    FROM (SELECT DISTINCT came_week AS week FROM crowd) AS w CROSS JOIN product AS p JOIN fit AS f ON f.product = p.no
),
offered AS (
    SELECT week, kind, product, core,
        sum(weight) OVER (PARTITION BY week, kind ORDER BY product) / sum(weight) OVER (PARTITION BY week, kind) AS upto
    FROM weighed WHERE weight > 0
)
SELECT c.*, o.product AS home, o.core
FROM crowd AS c ASOF JOIN offered AS o ON c.came_week = o.week AND c.kind = o.kind AND c.model_at < o.upto
