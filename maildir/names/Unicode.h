// UTF-8 and modified UTF-7 (RFC 3501 5.1.3), strictly: what is not well-formed is refused, never mended.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace maildir {

// Well-formed by RFC 3629: shortest forms, no surrogates, nothing beyond U+10FFFF. NUL is a character like others.
bool isValidUtf8(std::string_view text);

// Modified UTF-7 in which the ASCII characters at which mustShift(position) is true are shifted as well, though they
// could stand for themselves. Nothing for invalid UTF-8.
std::optional<std::string> encodeModifiedUtf7(std::string_view utf8, const std::function<bool(std::size_t)>& mustShift);

// Net-Unicode as mailbox names need it (RFC 5198 2, RFC 9051 5.1): Normalization Form C; nothing for invalid UTF-8.
std::optional<std::string> toNfc(std::string_view utf8);
// Full case folding (Unicode 3.13 R4) and no more: names that differ in case alone become the same. Malformed octets
// become U+FFFD.
std::string caseFolded(std::string_view utf8);
// U+0000 to U+001F, U+007F to U+009F, U+2028, U+2029: a new name may have none of them (RFC 6855 3). Valid UTF-8 only.
bool hasControl(std::string_view utf8);

}  // namespace maildir
