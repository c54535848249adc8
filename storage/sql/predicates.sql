-- One condition each. $column is a column of the record, $value a bound value of the column's type, $values an array of
-- words, $path bound names, one for each level.
-- name: equals
$column = $value

-- name: list_has
has($column, $value)

-- name: at_least
$column >= $value

-- name: above
$column > $value

-- name: at_most
$column <= $value

-- name: below
$column < $value

-- name: nullable
ifNull(($condition), 0)

-- name: exists_text
$column != ''

-- name: exists_number
$column != 0

-- name: exists_nullable
isNotNull($column)

-- name: exists_list
notEmpty($column)

-- name: matches
match($column, $value)

-- name: matches_lowered
match(lowerUTF8($column), $value)

-- name: list_matches
arrayExists(item -> match(item, $value), $column)

-- name: has_plain_words
hasAllTokens($plain_words, $values)

-- name: has_word
hasToken($text, $value)

-- As LIKE, since the index of all words knows how to serve that by the whole words within.
-- name: contains
$text LIKE $value

-- name: identity
batch_id = toFixedString(unhex($batch_id), 16) AND ordinal = $ordinal

-- Values that are not bound as they are stored.
-- name: time_value
fromUnixTimestamp64Micro($value, 'UTC')

-- name: float_value
toFloat32($value)

-- name: metadata_float
JSONExtractFloat(metadata_text, $path)

-- name: metadata_signed
JSONExtractInt(metadata_text, $path)

-- name: metadata_unsigned
JSONExtractUInt(metadata_text, $path)

-- name: metadata_text
JSONExtractString(metadata_text, $path) = $value AND JSONType(metadata_text, $path) = 'String'

-- name: metadata_item
JSONType(metadata_text, $path) = 'Array' AND arrayExists(
    item -> startsWith(item, '"') AND JSONExtractString(item) = $value,
    JSONExtractArrayRaw(metadata_text, $path)
)

-- name: metadata_plain_item
JSONType(metadata_text, $path) = 'Array' AND has(JSONExtractArrayRaw(metadata_text, $path), $value)

-- name: metadata_bool
JSONType(metadata_text, $path) = 'Bool' AND JSONExtractBool(metadata_text, $path) = $value

-- name: metadata_number
JSONType(metadata_text, $path) IN ('Int64', 'UInt64', 'Double') AND $condition

-- As whole numbers, of which floats leave some out.
-- name: metadata_large
multiIf(
    JSONType(metadata_text, $path) = 'Int64',
    $signed,
    JSONType(metadata_text, $path) = 'UInt64',
    $unsigned,
    JSONType(metadata_text, $path) = 'Double' AND $float
)

-- name: metadata_matches
JSONType(metadata_text, $path) = 'String' AND match(JSONExtractString(metadata_text, $path), $value)

-- name: metadata_exists
JSONHas(metadata_text, $path) AND JSONType(metadata_text, $path) != 'Null'

-- name: after_place
timestamp <= fromUnixTimestamp64Micro({place_us:Int64}, 'UTC') AND (timestamp, batch_id, ordinal) < (
    fromUnixTimestamp64Micro({place_us:Int64}, 'UTC'),
    toFixedString(unhex({place_batch:String}), 16),
    {place_ordinal:UInt32}
)
