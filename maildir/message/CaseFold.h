// Brings UTF-8 text into the form in which search compares it: NFKC with full case folding (Unicode 3.13 R5), so that
// "STRASSE" finds "Straße", and a composed letter its decomposed form. ASCII text is only made lower case.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace maildir {

bool isAscii(std::string_view text);

// Appends the folded text. Malformed octets become U+FFFD.
void foldCase(std::string_view utf8, std::string& folded);

// Where a text that goes on can be cut so that both pieces fold as the whole does: before its last ASCII octet, or
// between characters if it has none.
std::size_t foldableLength(std::string_view utf8);

}  // namespace maildir
