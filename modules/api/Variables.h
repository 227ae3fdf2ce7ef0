// Variables in patterns that an admin writes, such as mail.location: %u a user's name, %n its part before the last @,
// %d its part behind it, %h the user's home, %% a percent sign. Pure.
//
// Whatever else looks like a variable is a mistake and never taken as text: a letter that was meant to become a user's
// name, and stays one, is the same for everybody. So each key with variables refuses it by faultOfVariables(), which
// knows how other servers write them (Dovecot's %Lu and %{user}) and says how they are written here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace maildock {

// What the variable stands for; nothing for others than u, n and d.
[[nodiscard]] inline std::optional<std::string> namePart(char variable, const std::string& user) {
    const std::size_t at = user.rfind('@');
    switch (variable) {
        case 'u':
            return user;
        case 'n':
            return user.substr(0, at);
        case 'd':
            return at == std::string::npos ? std::string() : user.substr(at + 1);
        default:
            return std::nullopt;
    }
}

// What stands at a percent sign.
struct VariableReference {
    std::size_t length = 1;  // octets, with the percent sign
    char name = 0;           // u, n, d, h, or % for a percent sign; 0: what it stands for has no name here
    bool isOurs = false;     // written as it is written here
    bool isLowered = false;  // another server is asked for it in lower case
    // No variable at all: a percent sign before something that begins none.
    [[nodiscard]] bool isBare() const { return length == 1; }
};

namespace variables {

inline bool isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

inline bool isAmong(char c, std::string_view set) {
    return c != '\0' && set.find(c) != std::string_view::npos;
}

// "user | username | lower", "user", "home": what stands in braces.
inline VariableReference inBraces(std::string_view inside) {
    std::string words = " ";
    for (const char c : inside) words += isLetter(c) ? c : ' ';
    words += ' ';
    const auto has = [&words](const char* word) { return words.find(word) != std::string::npos; };
    VariableReference found;
    found.isLowered = has(" lower ");
    if (has(" username "))
        found.name = 'n';
    else if (has(" domain "))
        found.name = 'd';
    else if (has(" user "))
        found.name = 'u';
    else if (has(" home "))
        found.name = 'h';
    return found;
}

}  // namespace variables

// Reads what stands at `at`, which must be a percent sign.
[[nodiscard]] inline VariableReference variableAt(std::string_view text, std::size_t at) {
    constexpr std::string_view ours = "undh";
    constexpr std::string_view modifiers = "LUTERXMHN0123456789.-";  // Dovecot's, before the variable's letter
    const auto charAt = [text](std::size_t where) { return where < text.size() ? text[where] : '\0'; };
    const char next = charAt(at + 1);
    if (next == '%' || variables::isAmong(next, ours)) return {2, next, true, false};
    std::size_t end = at + 1;
    bool isLowered = false, isChanged = false;
    for (; variables::isAmong(charAt(end), modifiers); ++end) {
        isLowered = isLowered || text[end] == 'L';
        isChanged = isChanged || text[end] != 'L';
    }
    VariableReference found;
    if (charAt(end) == '{') {
        const std::size_t close = text.find('}', end);
        if (close == std::string_view::npos) return {text.size() - at, 0, false, false};
        found = variables::inBraces(text.substr(end + 1, close - end - 1));
        found.length = close + 1 - at;
    } else if (variables::isAmong(charAt(end), ours)) {
        found.name = text[end];
        found.length = end + 1 - at;
    } else {
        if (variables::isLetter(next)) found.length = 2;
        return found;
    }
    found.isLowered = found.isLowered || isLowered;
    if (isChanged) found.name = 0;  // a part of it, or in another form, is what no variable here stands for
    return found;
}

// Whether the pattern has the variable.
[[nodiscard]] inline bool hasVariable(std::string_view pattern, char name) {
    for (std::size_t at = pattern.find('%'); at != std::string_view::npos; at = pattern.find('%', at)) {
        const VariableReference found = variableAt(pattern, at);
        if (found.isOurs && found.name == name) return true;
        at += found.length;
    }
    return false;
}

// The first variable of `text` that is none here, with the right form; empty: there is none. `allowed`: the letters of
// those that the key has, such as "und". `takesBare`: a percent sign that begins no variable is text, as in SQL.
[[nodiscard]] inline std::string faultOfVariables(const std::string& text, std::string_view allowed,
                                                  bool takesBare = false) {
    std::string mended, wrong;
    bool isMended = true, isLowered = false;
    for (std::size_t at = 0; at < text.size();) {
        const VariableReference found = text[at] == '%' ? variableAt(text, at) : VariableReference();
        const std::string written = text.substr(at, found.length);
        const bool isKnown = found.name == '%' || variables::isAmong(found.name, allowed);
        at += found.length;
        if (written[0] != '%' || (found.isOurs && isKnown) || (found.isBare() && takesBare)) {
            mended += written;
            continue;
        }
        if (wrong.empty()) wrong = written;
        isMended = isMended && isKnown;
        isLowered = isLowered || found.isLowered;
        if (isKnown) mended += std::string("%") + found.name;
    }
    if (wrong.empty()) return "";
    std::string fault =
        wrong == "%" ? "has a percent sign that begins no variable" : "has " + wrong + ", which is no variable here";
    if (isMended) return fault + (isLowered ? "; names are lower case already" : "") + ": write " + mended;
    fault += "; there are";
    for (const char variable : allowed) {
        fault += variable == 'u'   ? " %u (the user),"
                 : variable == 'n' ? " %n (the part before @),"
                 : variable == 'd' ? " %d (the domain),"
                                   : " %h (the home),";
    }
    return fault + " and %% (a percent sign)";
}

}  // namespace maildock
