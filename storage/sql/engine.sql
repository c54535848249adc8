-- One INSERT must be one part, whole or absent: every size at which the engine cuts lies above any block that is taken.
-- The indexes that are named are written by the first merge; new parts are small enough to look through.
-- name: insert_settings
SETTINGS
    async_insert = 0,
    max_insert_threads = 1,
    max_execution_time = 0,
    input_format_parallel_parsing = 0,
    input_format_null_as_default = 0,
    max_insert_block_size = 16000000,
    min_insert_block_size_rows = 16000000,
    min_insert_block_size_bytes = 64000000000,
    max_partitions_per_insert_block = 1,
    throw_on_max_partitions_per_insert_block = 1,
    insert_deduplicate = 0,
    exclude_materialize_skip_indexes_on_insert = 'tokens,metadata_tokens'

-- name: insert_nowhere
INSERT INTO FUNCTION null('nothing String') (nothing)

-- name: active_parts
SELECT path, bytes_on_disk
FROM system.parts
WHERE active AND database = currentDatabase()
SETTINGS max_result_rows = 0, max_result_bytes = 0

-- Numbers of this program's making: the engine takes no bound values here. Neither its clock nor KILL ends the work on a
-- block, and a hundred conditions on metadata took 17 s over one of the usual 65,409 rows. Blocks of 8192 end soon enough
-- and cost a tenth more CPU, where those of 2048 cost a third more.
-- name: limits
SETTINGS max_execution_time = $timeout_s, max_result_bytes = $max_bytes, max_block_size = 8192

-- name: kill
KILL QUERY WHERE Settings['log_comment'] = '$connection' ASYNC
