-- name: create_logs
CREATE TABLE IF NOT EXISTS logs (
    $columns,
    INDEX batch_range batch_id TYPE minmax GRANULARITY 1,
    INDEX batch_bloom batch_id TYPE bloom_filter(0.001) GRANULARITY 1,
    PROJECTION counts (
        SELECT toStartOfMinute(timestamp) AS minute, level, service, priority, count()
        GROUP BY minute, level, service, priority
    )
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (timestamp, batch_id, ordinal)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_for_wide_part = 1000000,
    min_bytes_for_wide_part = 1000000000,
    merge_selector_base = 10,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000
COMMENT '$version'

-- Parts that are there already get the index when they are merged.
-- name: migrate_1_to_2
ALTER TABLE logs
    ADD INDEX IF NOT EXISTS batch_bloom batch_id TYPE bloom_filter(0.001) GRANULARITY 1,
    MODIFY COMMENT '$version',
    MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000

-- name: migrate_2_to_3
ALTER TABLE logs MODIFY COMMENT '$version', MODIFY SETTING merge_selector_base = 10

-- name: create_rejections
CREATE TABLE IF NOT EXISTS rejections (
    batch_id FixedString(16),
    ordinal Int64,
    code LowCardinality(String),
    reason String CODEC(ZSTD(1)),
    lane LowCardinality(String),
    at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (batch_id, ordinal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1

-- name: schema_version
SELECT comment
FROM system.tables
WHERE database = currentDatabase() AND name = 'logs'
