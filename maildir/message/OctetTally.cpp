#include "maildir/message/OctetTally.h"

#include <cstddef>
#include <cstring>

namespace maildir {

namespace {

// 16 octets at once, by the vector types that GCC and Clang share. A comparison gives 0xFF for true.
using Octets = std::uint8_t __attribute__((vector_size(16)));
constexpr std::size_t width = sizeof(Octets);
// As many steps as a sum of 8 bits can count.
constexpr std::size_t blockSteps = 255;

Octets load(const unsigned char* at) {
    Octets octets;
    std::memcpy(&octets, at, width);
    return octets;
}

std::uint64_t sumOf(const Octets& octets) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += octets[i];
    return sum;
}

}  // namespace

void OctetTally::add(std::string_view octets, char before) {
    if (octets.empty()) return;
    const auto* at = reinterpret_cast<const unsigned char*>(octets.data());
    const auto* const end = at + octets.size();
    lines += *at == '\n';
    bareLines += *at == '\n' && before != '\r';
    unsigned high = *at;
    unsigned nul = *at == 0;
    ++at;  // from here on each octet has one before it
    while (static_cast<std::size_t>(end - at) >= width) {
        const std::size_t possible = static_cast<std::size_t>(end - at) / width;
        Octets blockLines = {};
        Octets blockBare = {};
        Octets blockHigh = {};
        Octets blockNul = {};
        for (std::size_t step = 0; step < (possible < blockSteps ? possible : blockSteps); ++step, at += width) {
            const Octets now = load(at);
            const auto isLineEnd = reinterpret_cast<Octets>(now == '\n');
            blockLines -= isLineEnd;
            blockBare -= isLineEnd & reinterpret_cast<Octets>(load(at - 1) != '\r');
            blockHigh |= now;
            blockNul |= reinterpret_cast<Octets>(now == 0);
        }
        lines += sumOf(blockLines);
        bareLines += sumOf(blockBare);
        for (std::size_t i = 0; i < width; ++i) {
            high |= blockHigh[i];
            nul |= blockNul[i];
        }
    }
    for (; at < end; ++at) {
        lines += *at == '\n';
        bareLines += *at == '\n' && at[-1] != '\r';
        high |= *at;
        nul |= *at == 0;
    }
    has8Bit = has8Bit || high > 127;
    hasNul = hasNul || nul != 0;
}

}  // namespace maildir
