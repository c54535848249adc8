-- Files, and the runs of tests in them, as the processors wrote them. Others may have given their own logs the same tags.
-- In one look, since a file and its runs were stored together.
-- name: runs
SELECT
    service, file, batch_id, is_file, toInt64(ordinal) AS place, toUnixTimestamp64Micro(timestamp) AS us,
    if(is_file, '', said.1) AS test, said.2 AS result, said.3 AS line, said.4 AS reason, said.5 AS reruns,
    said.6 AS problems, said.8 AS duration_s, transform(result, $letters, '') AS letter
FROM (
    SELECT
        service, file, batch_id, ordinal, timestamp, has(tags, {file_tag:String}) AS is_file,
        JSONExtract(
            metadata_text,
            'Tuple(test String, result String, line UInt32, reason String, reruns UInt32, problems UInt64, format String,
            duration_s Nullable(Float64))'
        ) AS said
    FROM logs
    WHERE $where
)
WHERE if(is_file, said.7 != '', said.1 != '' AND said.2 IN ('passed', 'failed', 'error', 'skipped'))

-- Of each test its counts, its last failure, and its newest runs as letters, the oldest of them first: small where it was
-- run again, with = before it where it is of the same file as the one before. Behind the tests a row for the files of each
-- service. And the counts of all on each row. Runs are put in order by texts of a fixed length, the newest the smallest, which
-- takes a fifth of what tuples take: 16 digits of the time, 32 of the batch, 16 of the place in it, and the letter; behind them the duration, if there is one.
-- name: tests
SELECT
    *,
    countIf(NOT is_file) OVER () AS all_tests,
    sum(passed) OVER () AS all_passed,
    sum(failed) OVER () AS all_failed,
    sum(errors) OVER () AS all_errors,
    sum(skipped) OVER () AS all_skipped,
    sumIf(files, is_file) OVER () AS all_files,
    sumIf(problems, is_file) OVER () AS all_problems
FROM (
    SELECT
        service, test, is_file,
        count() AS files,
        sum(problems) AS problems,
        countIf(result = 'passed') AS passed,
        countIf(result IN ('failed', 'error')) AS failed,
        countIf(result = 'error') AS errors,
        countIf(result = 'skipped') AS skipped,
        max(us) AS last_us,
        arrayReverse(groupArraySorted($recent)(concat(
            hex(bitNot(toUInt64(us + 4611686018427387904))), hex(batch_id), hex(bitNot(toUInt64(place))),
            if(reruns > 0, lower(letter), letter), ifNull(toString(duration_s), '')
        ))) AS newest,
        arrayStringConcat(arrayMap(
            (run, at) -> concat(
                if(at > 1 AND substring(run, 17, 32) = substring(newest[at - 1], 17, 32), '=', ''),
                substring(run, 65, 1)
            ),
            newest, arrayEnumerate(newest)
        )) AS runs,
        arrayMap(run -> substring(run, 66), newest) AS durations,
        argMaxIf(
            (us, file, line, substringUTF8(reason, 1, $reason_chars), batch_id, place),
            (us, batch_id, place),
            result IN ('failed', 'error')
        ) AS failure
    FROM ($runs)
    GROUP BY service, test, is_file
)
ORDER BY is_file, failed DESC, service, test
LIMIT {limit:UInt32}

-- The files that have one of the runs that are asked for, or none at all and are asked for themselves.
-- name: files
SELECT count() AS files, sum(JSONExtractUInt(metadata_text, 'problems')) AS problems
FROM logs
WHERE ($where) AND (
    batch_id IN (SELECT batch_id FROM logs WHERE $of_runs)
    OR (($empty) AND JSONExtractUInt(metadata_text, 'results') = 0)
)
