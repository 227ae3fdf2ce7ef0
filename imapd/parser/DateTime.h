// Reads and writes the date-time of IMAP, which APPEND sends and INTERNALDATE shows, and the date of SEARCH.
// RFC 3501 section 9: date-time, date-text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imapd {

// What stands inside the quotes, such as "17-Jul-1996 02:44:25 -0700" or " 1-Jan-2020 00:00:00 +0000", as seconds since
// 1970-01-01 00:00 UTC; nothing if it is malformed or no real date. A leap second counts as the second after it.
// isStrict false also takes
// - a day or an hour of one digit, and blanks around the parts and between them;
// - "+05:30" as a zone, which is how .NET writes one;
// - what npm's "imap" makes of a zone: "--500" is -0500, and of a zone with a fraction of an hour it keeps the fraction
//   alone: of those "+.530" is taken for India's +0530, "-.530" for Newfoundland's -0330, "+7545" for Nepal's +0545,
//   where nearly all who send them are. The others' messages are hours off in INTERNALDATE, which is better than no
//   draft saved.
std::optional<std::int64_t> parseDateTime(const std::string& text, bool isStrict = true);

// Writes the same form, with two digits for the day, of an instant in a zone so many minutes east of UTC (-1439 to
// 1439, else cut to that). Instants outside the years 0 to 9999 are shown as the nearest one inside.
std::string formatDateTime(std::int64_t utcSeconds, int zoneMinutes);

// date-text such as "1-Feb-1994", as days since 1970-01-01; nothing if it is malformed or no real date. isStrict false
// also takes blanks around it.
std::optional<std::int32_t> parseDate(std::string_view text, bool isStrict = true);

}  // namespace imapd
