-- The runs of tests, as the processors wrote them of files. Others may have given their own logs the same tag.
-- name: runs
SELECT
    service, file, batch_id, toInt64(ordinal) AS place, toUnixTimestamp64Micro(timestamp) AS us,
    said.1 AS test, said.2 AS result, said.3 AS line, said.4 AS reason, said.5 AS reruns
FROM (
    SELECT
        service, file, batch_id, ordinal, timestamp,
        JSONExtract(
            metadata_text, 'Tuple(test String, result String, line UInt32, reason String, reruns UInt32)'
        ) AS said
    FROM logs
    WHERE $where
)
WHERE test != '' AND result IN ('passed', 'failed', 'error', 'skipped')

-- Of each test its counts, its last failure, and its newest runs as letters, the oldest of them first: small where it was
-- run again, with = before it where it is of the same file as the one before. And the counts of all tests.
-- name: tests
SELECT
    *,
    count() OVER () AS all_tests,
    sum(passed) OVER () AS all_passed,
    sum(failed) OVER () AS all_failed,
    sum(errors) OVER () AS all_errors,
    sum(skipped) OVER () AS all_skipped
FROM (
    SELECT
        service, test,
        countIf(result = 'passed') AS passed,
        countIf(result IN ('failed', 'error')) AS failed,
        countIf(result = 'error') AS errors,
        countIf(result = 'skipped') AS skipped,
        max(us) AS last_us,
        arrayReverse(groupArraySorted($recent)((
            -us, batch_id, -place,
            if(reruns > 0, lower(transform(result, $letters, '')), transform(result, $letters, ''))
        ))) AS newest,
        arrayStringConcat(arrayMap(
            (run, at) -> concat(if(at > 1 AND run.2 = newest[at - 1].2, '=', ''), run.4), newest, arrayEnumerate(newest)
        )) AS runs,
        argMaxIf(
            (us, file, line, substringUTF8(reason, 1, $reason_chars), batch_id, place),
            (us, batch_id, place),
            result IN ('failed', 'error')
        ) AS failure
    FROM ($runs)
    GROUP BY service, test
)
ORDER BY failed DESC, service, test
LIMIT {limit:UInt32}

-- name: files
SELECT count() AS files, sum(JSONExtractUInt(metadata_text, 'problems')) AS problems
FROM logs
WHERE $where

-- name: of_files
($where) AND batch_id IN (SELECT batch_id FROM logs WHERE $of_runs)
