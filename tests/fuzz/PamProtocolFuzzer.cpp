// Any octets to the PAM helper, which may be root's: what is taken for a message is one, again and again, and a request
// has just what a request can have.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugins/auth-pam/Protocol.h"

namespace {

void check(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace maildock::pam;
    const std::string_view octets(reinterpret_cast<const char*>(data), size);
    const auto length = lengthOf(octets);
    check(length.has_value() == (size >= 4) && length.value_or(0) <= maxMessageOctets + 4);
    for (const std::size_t count : {std::size_t{4}, std::size_t{answerFields}, std::size_t{0}}) {
        const auto fields = decode(octets, count);
        if (!fields) continue;
        check(length == size && fields->size() == count && encode(*fields) == octets);
        for (const std::string& field : *fields) check(field.size() <= maxFieldOctets);
    }
    const auto request = requestFrom(octets);
    if (!request) return 0;
    check(messageOf(*request).view() == octets);
    check(!request->user.empty() && request->user.size() <= 255 && request->clientAddress.size() <= 64);
    check(request->password.empty() == request->isLookup);
    for (const std::string_view text :
         {std::string_view(request->user), request->password.view(), std::string_view(request->clientAddress)}) {
        check(text.find('\0') == std::string::npos);
    }
    return 0;
}
