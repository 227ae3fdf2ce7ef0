// Makes header text safe to show in a string of a response.
#pragma once

#include <string>
#include <string_view>

namespace imapd {

// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates.
bool isUtf8(std::string_view octets);

// Header text that is shown as a string cannot hold NUL: each becomes U+FFFD, as Dovecot shows it.
std::string withoutNuls(std::string_view octets);

// 8-bit header text as encoded-words (RFC 2047), for clients that may not be sent 8-bit octets (row V0007); 7-bit text
// stays as it is. Text that is no UTF-8 is called "unknown-8bit" (RFC 1428 3), so nothing is lost or guessed.
std::string asEncodedWords(std::string_view octets);

}  // namespace imapd
