// Values of header fields written without 8-bit octets, by what stands in them: text, addresses, or comments among what
// is no text (RFC 2047 section 5).
#pragma once

#include <string>
#include <string_view>

#include "maildir/message/FieldWriter.h"

namespace maildir {

// The value of a field (unfolded, UTF-8) as written after `name` and its colon, with folds; no line end at the end.
// (writeUnstructured: into a field that has begun.)
void writeUnstructured(std::string_view utf8, FieldWriter& writer);
std::string unstructuredField(std::string_view name, std::string_view utf8);
std::string addressField(std::string_view name, std::string_view utf8);
// Comments are encoded by themselves: dates, trace fields, message identifiers.
std::string commentedField(std::string_view name, std::string_view utf8);

}  // namespace maildir
