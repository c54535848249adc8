-- name: insert_logs
INSERT INTO logs ($columns)

-- Metadata is put together of the rows that are shown only, hence the inner SELECT: else of all that are looked at.
-- name: select_logs
SELECT $columns
FROM (
    SELECT $kept
    FROM logs
    WHERE $where
    ORDER BY timestamp DESC, batch_id DESC, ordinal DESC
    LIMIT {limit:UInt32}
)
ORDER BY timestamp DESC, batch_id DESC, ordinal DESC
$settings

-- All of the range is read at once, on all cores, and not from its newest log on: faster where few pass.
-- name: at_once
SETTINGS optimize_read_in_order = 0

-- From the projection of the column, without looking at the indexes of the rows.
-- name: count_of_value
SELECT count() AS logs
FROM logs
WHERE $where
SETTINGS use_skip_indexes = 0

-- name: select_log
SELECT $columns
FROM logs
WHERE batch_id = toFixedString(unhex({batch_id:String}), 16) AND ordinal = {ordinal:UInt32}
LIMIT 1

-- name: stored_rows
SELECT batch_id, ordinal
FROM logs
WHERE batch_id IN (SELECT toFixedString(unhex(arrayJoin({batch_ids:Array(String)})), 16))
SETTINGS max_result_rows = 0, max_result_bytes = 0

-- In the order of the rows, so that it ends at the first one found.
-- name: newest_of_levels
SELECT timestamp AS newest
FROM logs
WHERE level IN {levels:Array(String)}
ORDER BY timestamp DESC
LIMIT 1
SETTINGS max_execution_time = 0

-- The largest UUIDv7; sixteen zero bytes where there is none.
-- name: newest_batch
SELECT max(batch_id) AS newest
FROM logs
WHERE bitShiftRight(reinterpretAsUInt8(substring(batch_id, 7, 1)), 4) = 7
SETTINGS max_execution_time = 0

-- By itself the engine truncates no table above 50 GB.
-- name: clear_logs
TRUNCATE TABLE logs SETTINGS max_execution_time = 0, max_table_size_to_drop = 0

-- name: disk_use
SELECT coalesce(sum(bytes_on_disk), 0) AS bytes, count() AS parts, coalesce(sum(rows), 0) AS logs
FROM system.parts
WHERE active AND database = currentDatabase() AND table = 'logs'

-- name: stored_days
SELECT partition AS day, sum(rows) AS logs, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE active AND rows AND database = currentDatabase() AND table = 'logs'
GROUP BY partition
ORDER BY partition

-- A day of this program's making; the engine takes no bound values here, and by itself no day above 50 GB.
-- name: drop_day
ALTER TABLE logs DROP PARTITION $day SETTINGS max_execution_time = 0, max_partition_size_to_drop = 0
