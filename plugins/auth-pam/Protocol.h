// What the plugin and its helper say to each other. The helper may have rights that the server does not, so it takes
// nothing but this: over its control socket two octets, the seconds that a question may take, together with one
// socket; and over that socket one request, a number of fields each with its length before it, which it answers.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/Secret.h"

namespace maildock::pam {

// The helper's control socket, and the socket of a question in the process that answers it.
constexpr int helperDescriptor = 3;
// So many octets begin a message over the control socket.
constexpr std::size_t openingOctets = 2;
constexpr unsigned maxSeconds = 300;
constexpr std::size_t maxFieldOctets = 8 * 1024;
constexpr std::size_t maxMessageOctets = 64 * 1024;

// What is asked. The service of PAM is no part of it: it was settled when the helper began.
struct Request {
    bool isLookup = false;
    std::string user;
    Secret password;
    std::string clientAddress;  // empty: none
};

// The fields of an answer. "outcome" is a digit, the number of an Outcome; uid and gid are empty if there are none.
enum AnswerField { outcome, reason, answerUser, uid, gid, home, messages, answerFields };

// Four octets with the length of what follows, then the fields, each behind two octets with its length. Fields that are
// too long are cut; whoever needs them whole looks before.
[[nodiscard]] std::string encode(const std::vector<std::string>& fields);
// The fields of a whole message, if it is one of just `count`.
[[nodiscard]] std::optional<std::vector<std::string>> decode(std::string_view message, std::size_t count);
[[nodiscard]] Secret messageOf(const Request& request);
// The request that a message is; nothing if any field is what it can't be.
[[nodiscard]] std::optional<Request> requestFrom(std::string_view message);
// How many octets a message has in all, by its first four; nothing if there are not so many yet; 0 if it is too long.
[[nodiscard]] std::optional<std::size_t> lengthOf(std::string_view begin);

}  // namespace maildock::pam
