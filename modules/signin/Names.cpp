#include "modules/signin/Names.h"

#include <gsasl.h>

#include <algorithm>

namespace maildock::signin {

std::optional<std::string> preparedName(const std::string& typed) {
    if (typed.empty() || typed.find('\0') != std::string::npos || typed.size() > 1024) return std::nullopt;
    // The same, and most names are so: no table has to be looked at.
    if (std::all_of(typed.begin(), typed.end(), [](char c) { return c > 0x20 && c < 0x7f; })) return typed;
    char* prepared = nullptr;
    // RFC 4616 2: a name to be looked up is a query, in which code points not assigned yet are allowed.
    if (gsasl_saslprep(typed.c_str(), GSASL_ALLOW_UNASSIGNED, &prepared, nullptr) != GSASL_OK) return std::nullopt;
    std::string name = prepared;
    gsasl_free(prepared);
    if (name.empty()) return std::nullopt;
    return name;
}

}  // namespace maildock::signin
