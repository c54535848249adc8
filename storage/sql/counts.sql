-- name: count_logs
SELECT toString($column) AS value, toInt64($moment) AS bucket, count() AS logs
FROM logs
WHERE $where
GROUP BY value, bucket

-- name: bucket_of_row
intDiv(toUnixTimestamp64Micro(timestamp) - {start_us:Int64}, {width_us:Int64})

-- name: bucket_of_minute
intDiv(toInt64(toUnixTimestamp(toStartOfMinute(timestamp))) * 1000000 - {start_us:Int64}, {width_us:Int64})

-- name: minutes
toStartOfMinute(timestamp) >= toDateTime({first_s:UInt32}, 'UTC')
AND toStartOfMinute(timestamp) < toDateTime({last_s:UInt32}, 'UTC')

-- name: top_values
SELECT toString($column) AS value, count() AS logs
FROM logs
WHERE $where
GROUP BY value
ORDER BY logs DESC, value
LIMIT {limit:UInt32}

-- In the order of the rows, so that each ends at the first one found.
-- name: oldest
SELECT toUnixTimestamp64Micro(timestamp) AS us
FROM logs
WHERE $where
ORDER BY timestamp
LIMIT 1

-- name: newest
SELECT toUnixTimestamp64Micro(timestamp) AS us
FROM logs
WHERE $where
ORDER BY timestamp DESC
LIMIT 1

-- name: items
arrayJoin($column)
