#include "plugins/auth-ldap/Filter.h"

#include <string_view>

#include "modules/api/Variables.h"

namespace maildock::ldap {

namespace {

// RFC 4515 section 3: NUL, '(', ')', '*' and '\' must be written as a backslash and two hexadecimal digits, any other
// octet may be. What is no plain ASCII is written so as well, but for UTF-8, which section 3 allows as it is.
std::string escaped(const std::string& text) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet > 0x20 && octet != 0x7F && std::string_view("()*\\&|!=<>~").find(c) == std::string_view::npos) {
            out += c;
        } else {
            out += '\\';
            out += digits[octet >> 4];
            out += digits[octet & 0x0F];
        }
    }
    return out;
}

}  // namespace

std::string filterFor(const std::string& pattern, const std::string& user) {
    std::string filter;
    for (std::size_t at = 0; at < pattern.size();) {
        if (pattern[at] != '%') {
            filter += pattern[at++];
            continue;
        }
        const VariableReference found = variableAt(pattern, at);
        filter += escaped(namePart(found.name, user).value_or("%"));
        at += found.length;
    }
    return filter;
}

std::string faultOfFilter(const std::string& pattern) {
    if (pattern.empty() || pattern.front() != '(' || pattern.back() != ')') {
        return "must be in parentheses, such as (uid=%u)";
    }
    int depth = 0;
    for (std::size_t at = 0; at < pattern.size(); ++at) {
        if (pattern[at] == '(') ++depth;
        if (pattern[at] == ')') --depth;
        if (depth < 0 || (depth == 0 && at + 1 < pattern.size())) return "has parentheses that do not match";
    }
    if (depth != 0) return "has parentheses that do not match";
    if (const std::string fault = faultOfVariables(pattern, "und"); !fault.empty()) return fault;
    if (filterFor(pattern, "a@b") == filterFor(pattern, "c@d"))
        return "has none of %u, %n and %d, so it asks for no user";
    return "";
}

}  // namespace maildock::ldap
