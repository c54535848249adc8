-- name: count_logs
SELECT toString($column) AS value, toInt64($moment) AS bucket, count() AS logs
FROM logs
WHERE $where
GROUP BY value, bucket

-- name: bucket_of_row
intDiv(toUnixTimestamp64Micro(timestamp) - {start_us:Int64}, {width_us:Int64})

-- The lists are counted as they are, which the projection knows, and their items from that.
-- name: count_lists
SELECT toString(arrayJoin(list)) AS value, bucket, sum(lists) AS logs
FROM (
    SELECT $column AS list, toInt64($moment) AS bucket, count() AS lists
    FROM logs
    WHERE $where
    GROUP BY list, bucket
)
GROUP BY value, bucket

-- name: start_of_minute
toStartOfMinute(timestamp)

-- name: start_of_hour
toStartOfHour(timestamp)

-- name: bucket_of_start
intDiv(toInt64(toUnixTimestamp($start)) * 1000000 - {start_us:Int64}, {width_us:Int64})

-- name: within
$start >= toDateTime({first_s:UInt32}, 'UTC') AND $start < toDateTime({last_s:UInt32}, 'UTC')

-- name: combinations
SELECT $columns, count() AS logs
FROM logs
WHERE $where
GROUP BY $columns

-- The columns are counted together, which one look at the rows or at a projection gives, and apart from that.
-- name: top_of_each
SELECT pair.1 AS field, pair.2 AS value, sum(logs) AS logs
FROM ($combinations)
ARRAY JOIN arrayConcat($pairs) AS pair
GROUP BY field, value
ORDER BY logs DESC, value
LIMIT {limit:UInt32} BY field

-- name: pairs_of_value
[('$column', CAST(toString($column), 'String'))]

-- name: pairs_of_list
arrayMap(item -> ('$column', CAST(toString(item), 'String')), $column)

-- name: top_values
SELECT toString($column) AS value, count() AS logs
FROM logs
WHERE $where
GROUP BY value
ORDER BY logs DESC, value
LIMIT {limit:UInt32}

-- Each in the order of the rows, so that it ends at the first one found.
-- name: ends
SELECT us
FROM (
    SELECT toUnixTimestamp64Micro(timestamp) AS us
    FROM logs
    WHERE $where
    ORDER BY timestamp
    LIMIT 1
)
UNION ALL
SELECT us
FROM (
    SELECT toUnixTimestamp64Micro(timestamp) AS us
    FROM logs
    WHERE $where
    ORDER BY timestamp DESC
    LIMIT 1
)

-- name: items
arrayJoin($column)
