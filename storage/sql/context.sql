-- name: same_source
service = {service:String} AND host = {host:String} AND file = {file:String}

-- The mirror of predicates.after_place, and of the order in which it is read.
-- name: before_place
timestamp >= fromUnixTimestamp64Micro({place_us:Int64}, 'UTC') AND (timestamp, batch_id, ordinal) > (
    fromUnixTimestamp64Micro({place_us:Int64}, 'UTC'),
    toFixedString(unhex({place_batch:String}), 16),
    {place_ordinal:UInt32}
)

-- name: select_upwards
SELECT $columns
FROM (
    SELECT $kept
    FROM logs
    WHERE $where
    ORDER BY timestamp, batch_id, ordinal
    LIMIT {limit:UInt32}
)
ORDER BY timestamp, batch_id, ordinal
