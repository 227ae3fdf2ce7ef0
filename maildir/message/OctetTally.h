// Counts what sizes and facts of a message are made from, at the speed of memory: line ends, and whether there are NULs
// or octets above 127.
#pragma once

#include <cstdint>
#include <string_view>

namespace maildir {

struct OctetTally {
    std::uint64_t lines = 0;      // LFs
    std::uint64_t bareLines = 0;  // LFs without a CR before them: each grows by one octet when sent
    bool hasNul = false;
    bool has8Bit = false;

    // before: the octet that stands before `octets` in the stream; anything but CR at its start.
    void add(std::string_view octets, char before);
};

}  // namespace maildir
