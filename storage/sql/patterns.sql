-- The most frequent fingerprints, each with the place of one of its logs, which costs next to nothing, and with numbers
-- of all logs that pass: how many, and from when to when.
-- name: most_frequent
SELECT
    fingerprint,
    logs,
    toUnixTimestamp64Micro(place.1) AS place_us,
    place.2 AS place_batch,
    place.3 AS place_ordinal,
    sum(logs) OVER () AS total,
    min(oldest) OVER () AS oldest_us,
    max(newest) OVER () AS newest_us
FROM (
    SELECT
        fingerprint,
        count() AS logs,
        any((timestamp, batch_id, ordinal)) AS place,
        toUnixTimestamp64Micro(min(timestamp)) AS oldest,
        toUnixTimestamp64Micro(max(timestamp)) AS newest
    FROM logs
    WHERE $where
    GROUP BY fingerprint
)
ORDER BY logs DESC, fingerprint
LIMIT {limit:UInt32}

-- Counted for each mix of level and service first, which are few, then brought together, fingerprints of one group too.
-- name: details
SELECT
    transform(
        fingerprint,
        arrayMap(one -> toUInt64(one), {fingerprints:Array(String)}),
        arrayMap(one -> toUInt32(one), {groups:Array(String)}),
        toUInt32(0)
    ) AS number,
    sum(mix_logs) AS logs,
    sumForEach(mix_trend) AS trend,
    min(mix_oldest_us) AS oldest_us,
    max(mix_newest_us) AS newest_us,
    sumMap(map(level_name, mix_logs)) AS levels,
    arraySlice(
        arraySort(
            one -> (-toInt64(one.2), one.1),
            CAST(sumMap(map(service_name, mix_logs)), 'Array(Tuple(name String, logs UInt64))')
        ),
        1,
        {services:UInt32}
    ) AS services,
    toUnixTimestamp64Micro(max(mix_place).1) AS place_us,
    max(mix_place).2 AS place_batch,
    max(mix_place).3 AS place_ordinal
FROM (
    SELECT
        fingerprint,
        toString(level) AS level_name,
        toString(service) AS service_name,
        count() AS mix_logs,
        countResample(0, {buckets:UInt64}, 1)($bucket) AS mix_trend,
        toUnixTimestamp64Micro(min(timestamp)) AS mix_oldest_us,
        toUnixTimestamp64Micro(max(timestamp)) AS mix_newest_us,
        max((timestamp, batch_id, ordinal)) AS mix_place
    FROM logs
    WHERE ($where) AND fingerprint IN (SELECT toUInt64(arrayJoin({fingerprints:Array(String)})))
    GROUP BY fingerprint, level_name, service_name
)
GROUP BY number

-- A message with its variable parts masked, as its fingerprint was taken of, so many characters of it at most.
-- name: masked
substringUTF8(replaceRegexpAll(message, {variable:String}, {mask:String}), 1, {chars:UInt32}) AS masked

-- Rows by their places, which the primary key leads to.
-- name: at_places
SELECT $columns
FROM logs
WHERE (timestamp, batch_id, ordinal) IN (
    SELECT fromUnixTimestamp64Micro(toInt64(place.1), 'UTC'), toFixedString(unhex(place.2), 16), toUInt32(place.3)
    FROM (
        SELECT arrayJoin(arrayZip({us:Array(String)}, {batches:Array(String)}, {ordinals:Array(String)})) AS place
    )
)
