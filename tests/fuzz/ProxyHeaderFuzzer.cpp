// Any octets before a connection: the header is found whole or malformed, nothing behind it is asked for, and how the
// octets are cut into pieces makes no difference.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "imapd/connection/ProxyHeader.h"

namespace {

struct Outcome {
    imapd::ProxyHeader header;
    std::size_t taken = 0;
};

Outcome fed(std::string_view octets, std::size_t most) {
    Outcome outcome;
    while (outcome.header.state() == imapd::ProxyHeader::State::Incomplete && outcome.taken < octets.size()) {
        const std::size_t wanted = outcome.header.wanted();
        if (wanted == 0 || outcome.taken + wanted > imapd::ProxyHeader::maxOctets) std::abort();
        const std::size_t given = std::min({wanted, most, octets.size() - outcome.taken});
        outcome.header.feed(octets.substr(outcome.taken, given));
        outcome.taken += given;
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using State = imapd::ProxyHeader::State;
    const std::string_view octets(reinterpret_cast<const char*>(data), size);
    const Outcome whole = fed(octets, size);
    const Outcome single = fed(octets, 1);
    const imapd::ProxyHeader& header = whole.header;
    if (header.state() != single.header.state() || header.isTls() != single.header.isTls()) std::abort();
    if (header.state() == State::Incomplete ? header.wanted() == 0 : header.wanted() != 0) std::abort();
    if (header.state() == State::Malformed && (header.fault().empty() || header.client())) std::abort();
    if (header.state() == State::Complete && whole.taken != single.taken) std::abort();
    if (header.client().has_value() != header.local().has_value() || header.client() != single.header.client()) {
        std::abort();
    }
    if (header.state() != State::Complete && header.isTls()) std::abort();
    // The first line feed of a line is its last octet.
    if (header.state() == State::Complete && octets[0] == 'P' && octets.find('\n') + 1 != whole.taken) std::abort();
    return 0;
}
