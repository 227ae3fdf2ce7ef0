// Reads the flags that STORE and APPEND name.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "imapd/response/Reply.h"
#include "imapd/session/ShownKeywords.h"
#include "maildir/Types.h"

namespace imapd {

struct NamedFlags {
    maildir::FlagSet flags;
    std::vector<std::string> keywords;  // as named, each once (keywords that differ in case alone are one)
};

// BAD for \Recent and for system flags that do not exist (RFC 3501 2.3.2: a client cannot alter \Recent, and new
// system flags need a standard); NO [LIMIT] for a keyword that is too long. Keywords that are not shown are passed over
// (RFC 3501 7.1: what is not in PERMANENTFLAGS is ignored).
std::variant<NamedFlags, Reply> readFlags(const std::vector<std::string>& names, const ShownKeywords& shown = {});

}  // namespace imapd
