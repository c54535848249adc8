-- name: create_logs
CREATE TABLE IF NOT EXISTS logs (
    $columns,
    $indexes,
    $projections
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (timestamp, batch_id, ordinal)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    index_granularity = 1024,
    min_compress_block_size = 8192,
    min_rows_for_wide_part = 1000000,
    min_bytes_for_wide_part = 300000000,
    merge_selector_base = 10,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000
COMMENT '$version'

-- name: batch_range
INDEX batch_range batch_id TYPE minmax GRANULARITY 8

-- name: batch_bloom
INDEX batch_bloom batch_id TYPE bloom_filter(0.001) GRANULARITY 8

-- name: words_index
INDEX words $plain_words TYPE text(tokenizer = splitByNonAlpha)

-- name: tokens_index
INDEX tokens $all_words TYPE tokenbf_v1(2048, 3, 0) GRANULARITY 1

-- name: metadata_index
INDEX metadata_tokens $metadata_words TYPE tokenbf_v1(4096, 3, 0) GRANULARITY 2

-- name: value_bloom
INDEX $column_bloom $column TYPE bloom_filter(0.01) GRANULARITY 1

-- name: counts_projection
PROJECTION counts (
    SELECT toStartOfMinute(timestamp) AS minute, level, service, priority, count()
    GROUP BY minute, level, service, priority
)

-- name: facets_projection
PROJECTION facets (
    SELECT toStartOfHour(timestamp) AS hour, $keys, count()
    GROUP BY hour, $keys
)

-- Without time: it serves where a question is about all logs.
-- name: value_projection
PROJECTION $value_counts (
    SELECT $column, count()
    GROUP BY $column
)

-- Parts that are there already get the index when they are merged.
-- name: migrate_1_to_2
ALTER TABLE logs
    ADD INDEX IF NOT EXISTS batch_bloom batch_id TYPE bloom_filter(0.001) GRANULARITY 1,
    MODIFY COMMENT '$version',
    MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000

-- name: migrate_2_to_3
ALTER TABLE logs MODIFY COMMENT '$version', MODIFY SETTING merge_selector_base = 10

-- The first writes compact parts anew, which is waited for before the second, and goes on by itself after a crash: what is
-- repeated then finds the column renamed.
-- name: migrate_3_to_4
ALTER TABLE logs RENAME COLUMN IF EXISTS metadata TO metadata_packed
SETTINGS max_execution_time = 0, alter_sync = 0;
ALTER TABLE logs
    $changes,
    MODIFY COMMENT '$version',
    MODIFY SETTING min_compress_block_size = 16384, min_bytes_for_wide_part = 300000000
SETTINGS max_execution_time = 0

-- Goes on in the background; until it is done, searches of older logs take longer.
-- name: migrate_4_to_5
ALTER TABLE logs $building SETTINGS mutations_sync = 0, max_execution_time = 0;
ALTER TABLE logs MODIFY COMMENT '$version'

-- The second goes on in the background.
-- name: migrate_5_to_6
ALTER TABLE logs
    $changes,
    MODIFY SETTING min_compress_block_size = 8192
SETTINGS max_execution_time = 0;
ALTER TABLE logs $building SETTINGS mutations_sync = 0, max_execution_time = 0;
ALTER TABLE logs MODIFY COMMENT '$version'

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

-- name: open_mutations
SELECT count() AS mutations, sum(parts_to_do) AS parts, max(latest_fail_reason) AS failure
FROM system.mutations
WHERE database = currentDatabase() AND table = 'logs' AND NOT is_done

-- name: schema_version
SELECT comment
FROM system.tables
WHERE database = currentDatabase() AND name = 'logs'
