-- name: insert_rejections
INSERT INTO rejections (batch_id, ordinal, code, reason, lane, at)

-- name: select_rejections
SELECT batch_id, ordinal, code, reason, lane, at
FROM rejections FINAL
ORDER BY at DESC, batch_id DESC, ordinal DESC
LIMIT {limit:UInt32}

-- name: select_rejection
SELECT code, reason, lane, at
FROM rejections FINAL
WHERE batch_id = toFixedString(unhex({batch_id:String}), 16) AND ordinal IN ({ordinal:Int64}, -1)
ORDER BY ordinal DESC
LIMIT 1

-- name: count_rejections
SELECT code, count() AS rejections
FROM rejections FINAL
GROUP BY code
ORDER BY rejections DESC, code
LIMIT {limit:UInt32}

-- name: clear_rejections
TRUNCATE TABLE rejections SETTINGS max_execution_time = 0

-- A number of this program's making; the engine takes no bound values here.
-- name: drop_rejections
ALTER TABLE rejections DELETE WHERE at < fromUnixTimestamp64Micro($before_us) SETTINGS max_execution_time = 0
