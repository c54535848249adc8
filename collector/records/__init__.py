"""From lines to records: levels, formats, filters, tags, and the bodies that are sent."""
