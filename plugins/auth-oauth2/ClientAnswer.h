// What a client answers in OAUTHBEARER (RFC 7628 3.1) and XOAUTH2 (Google's form of it, without a GS2 header). Pure:
// octets in; a value, or what is wrong with them, out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace maildock::oauth2 {

struct ClientAnswer {
    std::string fault;  // for the log, with nothing of the answer in it; empty: none
    std::string user;   // whom the client wants to act for; empty: not told
    std::string host;   // whom it thinks to talk to; empty: not told
    std::string token;
};

[[nodiscard]] ClientAnswer parseOauthBearer(std::string_view octets, std::size_t maxTokenOctets);
[[nodiscard]] ClientAnswer parseXoauth2(std::string_view octets, std::size_t maxTokenOctets);

}  // namespace maildock::oauth2
