#include "plugins/auth-checkpassword/Reply.h"

namespace maildock::checkpassword {

std::string encode(const Environment& environment) {
    std::string reply;
    for (const auto& [name, value] : environment) {
        reply += name;
        reply += '=';
        reply += value;
        reply += '\0';
    }
    return reply + '\0';
}

std::optional<Environment> decode(std::string_view reply) {
    if (reply.size() > maxReplyOctets) return std::nullopt;
    Environment environment;
    for (;;) {
        const std::size_t end = reply.find('\0');
        if (end == std::string_view::npos) return std::nullopt;
        if (end == 0) break;
        const std::string_view entry = reply.substr(0, end);
        const std::size_t equals = entry.find('=');
        if (equals == std::string_view::npos || equals == 0) return std::nullopt;
        environment[std::string(entry.substr(0, equals))] = std::string(entry.substr(equals + 1));
        reply.remove_prefix(end + 1);
    }
    if (reply.size() != 1) return std::nullopt;
    return environment;
}

}  // namespace maildock::checkpassword
