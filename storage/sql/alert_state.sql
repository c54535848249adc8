-- Of SQLite, where alerts and what is still to be judged are kept.
-- name: pragmas
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA journal_size_limit = 16777216;

-- name: pragmas_of_reader
PRAGMA query_only = ON;

-- name: schema
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arrived (
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    PRIMARY KEY (start_us, end_us)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owed (
    rule TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before_us INTEGER NOT NULL DEFAULT 0,
    is_after INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (rule, start_us, end_us)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rules (rule TEXT PRIMARY KEY, evaluated_until_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS patterns (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    UNIQUE (rule, fingerprint)
);
CREATE TABLE IF NOT EXISTS alerts (
    id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    description TEXT NOT NULL,
    labels TEXT NOT NULL,
    grouping TEXT NOT NULL,
    group_key TEXT NOT NULL,
    state TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    resolve_after_us INTEGER NOT NULL,
    value REAL NOT NULL,
    bound TEXT NOT NULL,
    summary TEXT NOT NULL,
    q TEXT NOT NULL,
    trend TEXT NOT NULL,
    fired_us INTEGER NOT NULL,
    acknowledged_us INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT '',
    resolved_us INTEGER,
    is_told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS alerts_of_group ON alerts (rule, group_key, start_us);
CREATE INDEX IF NOT EXISTS alerts_by_time ON alerts (fired_us, id);
CREATE INDEX IF NOT EXISTS alerts_by_state ON alerts (state, fired_us, id);
CREATE INDEX IF NOT EXISTS alerts_of_rule ON alerts (rule, state);
CREATE INDEX IF NOT EXISTS alerts_kept_back ON alerts (id) WHERE is_told = 2;
CREATE TABLE IF NOT EXISTS transitions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    alert TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    by_whom TEXT NOT NULL,
    comment TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS transitions_of_alert ON transitions (alert, number);
CREATE TABLE IF NOT EXISTS silences (
    id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    grouping TEXT NOT NULL,
    until_us INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    by_whom TEXT NOT NULL,
    comment TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery TEXT NOT NULL UNIQUE,
    alert TEXT NOT NULL,
    body TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_of_alert ON outbox (alert, number);

-- name: count_up
INSERT INTO meta (name, value) VALUES (:name, :by) ON CONFLICT (name) DO UPDATE SET value = value + :by

-- name: counts
SELECT name, value FROM meta

-- name: note_arrived
INSERT OR IGNORE INTO arrived (start_us, end_us) VALUES (:start_us, :end_us)

-- name: arrived
SELECT start_us, end_us FROM arrived

-- name: forget_arrived
DELETE FROM arrived

-- name: forget_one_arrived
DELETE FROM arrived WHERE start_us = :start_us AND end_us = :end_us

-- name: owe
INSERT INTO owed (rule, start_us, end_us) VALUES (:rule, :start_us, :end_us)
ON CONFLICT (rule, start_us, end_us) DO UPDATE SET is_after = 0

-- In the place of others, with their attempts.
-- name: owe_instead
INSERT INTO owed (rule, start_us, end_us, attempts, is_after) VALUES (:rule, :start_us, :end_us, :attempts, :is_after)
ON CONFLICT (rule, start_us, end_us) DO UPDATE
SET attempts = max(attempts, :attempts), is_after = min(is_after, :is_after)

-- A time after logs, to be looked at though none come then.
-- name: owe_after
INSERT OR IGNORE INTO owed (rule, start_us, end_us, is_after) VALUES (:rule, :start_us, :end_us, 1)

-- name: settle_after
DELETE FROM owed WHERE rule = :rule AND is_after AND start_us BETWEEN :start_us AND :end_us

-- name: owed
SELECT start_us, end_us, attempts, is_after FROM owed
WHERE rule = :rule AND not_before_us <= :now_us AND end_us <= :before_us AND (NOT is_after OR end_us <= :now_us)
ORDER BY end_us DESC
LIMIT :most

-- name: all_owed
SELECT start_us, end_us FROM owed WHERE rule = :rule

-- name: count_owed
SELECT count(*) FROM owed WHERE rule = :rule

-- name: count_put_off
SELECT count(*) FROM owed WHERE rule = :rule AND not_before_us > :now_us

-- name: owed_of_others
SELECT DISTINCT rule FROM owed

-- name: forget_owed
DELETE FROM owed WHERE rule = :rule

-- name: settle_owed
DELETE FROM owed WHERE rule = :rule AND start_us = :start_us AND end_us = :end_us

-- name: put_off
UPDATE owed SET attempts = attempts + 1, not_before_us = :not_before_us
WHERE rule = :rule AND start_us = :start_us AND end_us = :end_us

-- name: evaluated
INSERT INTO rules (rule, evaluated_until_us) VALUES (:rule, :until_us)
ON CONFLICT (rule) DO UPDATE SET evaluated_until_us = :until_us

-- name: evaluations
SELECT rule, evaluated_until_us FROM rules

-- name: known_patterns
SELECT fingerprint FROM patterns WHERE rule = :rule AND fingerprint IN (SELECT value FROM json_each(:fingerprints))

-- name: know_pattern
INSERT OR IGNORE INTO patterns (rule, fingerprint) VALUES (:rule, :fingerprint)

-- name: prune_patterns
DELETE FROM patterns WHERE number <= (SELECT max(number) FROM patterns) - :most

-- name: near
SELECT * FROM alerts
WHERE rule = :rule AND group_key = :group_key
    AND start_us <= :end_us + resolve_after_us AND end_us + resolve_after_us >= :start_us
ORDER BY state = 'resolved', start_us

-- name: passed
SELECT * FROM alerts WHERE rule = :rule AND group_key = :group_key AND state != 'resolved' AND end_us < :start_us

-- name: count_open
SELECT count(*) FROM alerts WHERE rule = :rule AND state != 'resolved'

-- name: add_alert
INSERT OR IGNORE INTO alerts (
    id, rule, kind, severity, description, labels, grouping, group_key, state, start_us, end_us, since_us, seen_us,
    resolve_after_us, value, bound, summary, q, trend, fired_us
) VALUES (
    :id, :rule, :kind, :severity, :description, :labels, :grouping, :group_key, 'firing', :start_us, :end_us, :since_us,
    :now_us, :resolve_after_us, :value, :bound, :summary, :q, :trend, :now_us
)

-- name: extend_alert
UPDATE alerts
SET start_us = min(start_us, :start_us), since_us = min(since_us, :since_us), end_us = max(end_us, :end_us),
    seen_us = :now_us, value = :value, summary = :summary, trend = :trend
WHERE id = :id

-- name: set_state
UPDATE alerts SET state = :state, acknowledged_us = :acknowledged_us, acknowledged_by = :acknowledged_by,
    resolved_us = :resolved_us
WHERE id = :id

-- name: set_told
UPDATE alerts SET is_told = :is_told WHERE id = :id

-- name: add_transition
INSERT INTO transitions (alert, state, at_us, by_whom, comment) VALUES (:alert, :state, :at_us, :by_whom, :comment)

-- name: transitions
SELECT state, at_us, by_whom, comment FROM transitions WHERE alert = :alert ORDER BY number DESC LIMIT :most

-- name: alert
SELECT * FROM alerts WHERE id = :id

-- Newest first; $where is made of conditions of this file.
-- name: alerts
SELECT * FROM alerts WHERE $where ORDER BY fired_us DESC, id DESC LIMIT :most

-- name: where_state
state = :state

-- name: where_rule
rule = :rule

-- name: where_open
state != 'resolved'

-- name: where_before
(fired_us, id) < (:before_us, :before_id)

-- name: is_over
SELECT * FROM alerts
WHERE state != 'resolved' AND max(min(end_us, :now_us), seen_us) + resolve_after_us <= :now_us

-- Of which nobody was told yet that they fire, and of which a later change was kept back.
-- name: untold
SELECT * FROM alerts WHERE state = 'firing' AND is_told = 0
UNION ALL
SELECT * FROM alerts WHERE is_told = 2

-- name: groups_firing
SELECT rule, grouping FROM alerts WHERE state = 'firing'

-- name: count_by_state
SELECT state, rule, count(*) AS alerts FROM alerts GROUP BY state, rule

-- name: prune_alerts
DELETE FROM alerts WHERE id IN (
    SELECT id FROM alerts WHERE state = 'resolved' ORDER BY fired_us
    LIMIT max(0, (SELECT count(*) FROM alerts) - :most)
)

-- name: prune_transitions
DELETE FROM transitions WHERE alert = :alert AND number NOT IN (
    SELECT number FROM transitions WHERE alert = :alert ORDER BY number DESC LIMIT :most
)

-- name: add_silence
INSERT INTO silences (id, rule, grouping, until_us, created_us, by_whom, comment)
VALUES (:id, :rule, :grouping, :until_us, :created_us, :by_whom, :comment)

-- name: silences
SELECT * FROM silences WHERE until_us > :now_us ORDER BY created_us DESC, id

-- name: remove_silence
DELETE FROM silences WHERE id = :id

-- name: prune_silences
DELETE FROM silences WHERE until_us <= :now_us

-- name: count_silences
SELECT count(*) FROM silences

-- name: post
INSERT OR IGNORE INTO outbox (delivery, alert, body, created_us, next_us) VALUES (:delivery, :alert, :body, :now_us, :now_us)

-- What is told of one alert is told in its order.
-- name: due_posts
SELECT number, delivery, body, created_us, attempts FROM outbox AS one
WHERE next_us <= :now_us AND NOT EXISTS (
    SELECT 1 FROM outbox AS earlier WHERE earlier.alert = one.alert AND earlier.number < one.number
)
ORDER BY number
LIMIT :most

-- name: posted
DELETE FROM outbox WHERE number = :number

-- name: post_later
UPDATE outbox SET attempts = attempts + 1, next_us = :next_us WHERE number = :number

-- name: count_posts
SELECT count(*) FROM outbox

-- name: oldest_posts
DELETE FROM outbox WHERE number IN (SELECT number FROM outbox ORDER BY number LIMIT :excess)
