-- name: all
1

-- name: level
level = {level:String}

-- name: service
service = {service:String}

-- name: priority
priority = {priority:String}

-- name: tag
has(tags, {tag:String})

-- name: anomaly
anomaly = {anomaly:Bool}

-- name: since
timestamp >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')

-- name: until
timestamp < fromUnixTimestamp64Micro({until:Int64}, 'UTC')

-- name: status_code
status_code = {status_code:UInt16}

-- name: min_severity
severity >= {min_severity:UInt8}

-- name: trace_id
trace_id = {trace_id:String}
