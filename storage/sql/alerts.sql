-- Each log is taken once, into its step; each step counts for the windows that end in the next {steps} after it.
-- name: windows
SELECT $names step + arrayJoin(range(1, {steps:Int64} + 1)) AS edge, $measures
FROM (
    SELECT $groups intDiv(toUnixTimestamp64Micro(timestamp), {step_us:Int64}) AS step, $states
    FROM logs
    WHERE $where
    GROUP BY $names step
)
GROUP BY $names edge
HAVING edge > {first_edge:Int64} AND edge <= {last_edge:Int64} AND ($having)
ORDER BY edge
LIMIT {most:UInt32}

-- name: state_count
countState()

-- name: state_distinct
uniqExactIfState($text, $text != '')

-- name: state_error_share
avgState(toUInt8(level IN {errors:Array(String)}))

-- name: state_number
${function}State$parameters($number)

-- name: measure
toFloat64(${function}Merge$parameters($state))

-- name: compared
ifNull($value $sign {$bound:Float64}, 0)

-- name: metadata_value
if(
    JSONType(metadata_text, $path) = 'String',
    JSONExtractString(metadata_text, $path),
    if(JSONType(metadata_text, $path) = 'Null', '', JSONExtractRaw(metadata_text, $path))
)

-- name: metadata_number
if(
    JSONType(metadata_text, $path) IN ('Int64', 'UInt64', 'Double'),
    JSONExtractFloat(metadata_text, $path),
    NULL
)

-- What failed, by the second: whose it is, and the time that its line begins with, or began with before parsing.
-- name: attempts
SELECT who, second, said_at, sum(times) AS times
FROM (
    SELECT
        $who AS who,
        intDiv(toUnixTimestamp64Micro(timestamp), 1000000) AS second,
        arrayFirst(one -> one != '', [
            extract(message, {said_at:String}),
            extract(concat(JSONExtractString(metadata_text, 'time'), ' '), {said_at:String})
        ]) AS said_at,
        greatest(toUInt32OrZero(extract(message, {repeated:String})), 1) AS times
    FROM logs
    WHERE $where
)
WHERE who != ''
GROUP BY who, second, said_at
ORDER BY second DESC
LIMIT {most:UInt32}

-- name: address_of
arrayFirst(one -> one != '', arrayConcat(
    arrayMap(name -> JSONExtractString(metadata_text, name), {names:Array(String)}),
    [extract(message, {sshd:String}), extract(message, {pattern:String}), extract(message, {otherwise:String})]
))

-- name: user_of
arrayFirst(one -> one != '', arrayConcat(
    [user_id],
    arrayMap(name -> JSONExtractString(metadata_text, name), {names:Array(String)}),
    [if(match(message, {sshd:String}), extract(message, {sshd:String}), extract(message, {pattern:String}))]
))

-- name: counted_by_bucket
SELECT value, bucket, sum(counted) AS logs, sumIf(counted, level_name IN {errors:Array(String)}) AS errors
FROM (
    SELECT toString($column) AS value, toString(level) AS level_name, toInt64($moment) AS bucket, count() AS counted
    FROM logs
    WHERE $where
    GROUP BY value, level_name, bucket
)
GROUP BY value, bucket

-- The groups that have enough in some bucket, those with the most first.
-- name: groups_with_enough
SELECT value
FROM ($counted)
WHERE value != '' AND $measured >= {at_least:UInt64}
GROUP BY value
ORDER BY max($measured) DESC, value
LIMIT {most:UInt32}

-- name: by_bucket
SELECT value, bucket, logs, errors
FROM ($counted)
LIMIT {most:UInt32}

-- name: is_one_of
toString($column) IN {values:Array(String)}

-- name: within_named
($start >= toDateTime({$first:UInt32}, 'UTC') AND $start < toDateTime({$last:UInt32}, 'UTC'))

-- Of each value the minutes in which it was there: the first, the last, how many, and the longest pause between two.
-- name: pauses
SELECT
    value,
    min(minute_s) AS first_s,
    max(minute_s) AS last_s,
    count() AS minutes,
    toInt64(arrayMax(arrayDifference(arraySort(groupArray(minute_s))))) AS pause_s
FROM (
    SELECT toString($column) AS value, toInt64(toUnixTimestamp(toStartOfMinute(timestamp))) AS minute_s
    FROM logs
    WHERE $where
    GROUP BY value, minute_s
)
GROUP BY value
LIMIT {most:UInt32}

-- name: patterns_there
SELECT fingerprint, toString(any(service)) AS service
FROM logs
WHERE $where
GROUP BY fingerprint
LIMIT {most:UInt32}

-- The times of the first logs of each pattern, and one of its messages.
-- name: patterns_since
SELECT
    fingerprint,
    groupArraySorted({at_least:UInt64})(toUnixTimestamp64Micro(timestamp)) AS first_us,
    substring(any(message), 1, 300) AS example
FROM logs
WHERE ($where) AND fingerprint IN (SELECT toUInt64(arrayJoin({fingerprints:Array(String)})))
GROUP BY fingerprint

-- name: services_since
SELECT toString(service) AS value, toInt64(toUnixTimestamp(min(toStartOfMinute(timestamp)))) AS first_s
FROM logs
WHERE service IN {services:Array(String)}
GROUP BY value
