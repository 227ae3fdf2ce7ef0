// Header fields of RFC 5322 and what is in them: fields in order, addresses, dates, encoded-words (RFC 2047), parameter
// values (RFC 2231). Every function takes any octets and never fails: damaged input gives what can be made of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace maildir {

// A view into a header block with LF or CRLF lines.
struct HeaderField {
    std::string_view name;   // without white space and colon; empty for a line that is no field
    std::string_view raw;    // the whole field with name, folds and its line end
    std::string_view value;  // after the colon, folds still in it, without the last line end
};

// The fields of a header block, up to the empty line. A line that is no field and no fold is a field with an empty
// name.
std::vector<HeaderField> headerFields(std::string_view block);

// Removes folds (the line end of each), trims white space at both ends.
std::string unfold(std::string_view value);

// One address of a list, or the start of a group (mailbox is its name, no host), or its end (neither): RFC 3501 7.4.2
// ENVELOPE. What an address lacks, its host for instance, is an empty string.
struct Address {
    std::optional<std::string> name;     // display name, quoting removed, encoded-words left as they are; or a comment
    std::optional<std::string> route;    // source route (at-domain-list)
    std::optional<std::string> mailbox;  // nothing: end of a group
    std::optional<std::string> host;     // nothing: start or end of a group
};
// At most 20000: past them the list ends. Groups do not nest, and one that is open at the end is ended.
std::vector<Address> parseAddresses(std::string_view value);

// A date as in the Date: header, tolerant. Nothing if it can't be understood.
struct MessageDate {
    std::int64_t utcSeconds = 0;
    int zoneMinutes = 0;  // offset of the sender's clock: SENTON compares the day of the sender, without the zone
};
std::optional<MessageDate> parseDate(std::string_view value);

// Decodes encoded-words to UTF-8; other octets that are not UTF-8 are read as windows-1252.
std::string decodeEncodedWords(std::string_view value);

// Value of a parameter with RFC 2231 continuations and charset decoded to UTF-8; nothing if absent.
std::optional<std::string> decodedParameter(const std::vector<std::pair<std::string, std::string>>& parameters,
                                            std::string_view name);

}  // namespace maildir
