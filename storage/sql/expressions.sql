-- Expressions over a row that the table and searches share: an index serves a search only where both say the same.

-- What metadata repeats of other columns is kept there only; in the text stands a mark, the character 1 and a digit. A
-- text that holds this character itself, which no JSON does, stays as it is, behind a mark of its own.
-- name: pack_metadata
if(position(metadata, char(1)) > 0, concat(char(1), '0', metadata), $marked)

-- name: restore_metadata
if(startsWith(metadata_packed, concat(char(1), '0')), substring(metadata_packed, 3), $restored)

-- name: separator
if(position(metadata, '": ') > 0, ': ', ':')

-- name: mark_text
replaceOne(
    $text,
    concat('"$column"', $separator, '"', $value, '"'),
    concat('"$column"', $separator, '"', char(1), '$mark"')
)

-- name: mark_number
replaceOne(
    $text,
    concat('"$column"', $separator, $value),
    concat('"$column"', $separator, char(1), '$mark')
)

-- name: restore_value
replaceOne($text, concat(char(1), '$mark'), $value)

-- name: value_as_text
toString($column)

-- name: nullable_as_text
ifNull(toString($column), char(1))

-- Words with a digit are mostly ids: a list of them would be longer than that of all others.
-- name: plain_words
replaceRegexpAll(lowerUTF8(message), '[a-z\\x{80}-\\x{10ffff}]*[0-9][0-9a-z\\x{80}-\\x{10ffff}]*', ' ')

-- Not said as for match(): which words an expression needs is said by us, and not guessed from it by the engine.
-- name: all_words
lowerUTF8(toString(message))

-- JSON's escapes part words, but for those that give a character by its number: a text with one may hold any word.
-- Literals only: a constant that is computed keeps the index from being recognised.
-- name: metadata_words
if(
    position(metadata_packed, '\\') = 0,
    metadata_packed,
    concat(
        replaceRegexpAll(metadata_packed, '\\\\[^u]', ' '),
        if(position(metadata_packed, '\\u') > 0, ' anyword', '')
    )
)
