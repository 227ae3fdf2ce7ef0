// The numbers and sets of the storage library: each kind of number is a type of its own, so that they cannot mix.
#pragma once

#include <bitset>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace maildir {

// A number that only compares with its own kind.
template <class Tag, class T>
struct Number {
    T value{};
    constexpr auto operator<=>(const Number&) const = default;
};

using Uid = Number<struct UidTag, std::uint32_t>;                  // 1..2^32-1; 0 means none
using UidValidity = Number<struct UidValidityTag, std::uint32_t>;  // 1..2^32-1
using ModSeq = Number<struct ModSeqTag, std::uint64_t>;            // 1..2^63-1 (RFC 7162)

// System flags as bits of a FlagSet. \Recent is no flag of a message: a mailbox gives it to one session.
enum class Flag : std::uint8_t { Answered = 1, Flagged = 2, Deleted = 4, Seen = 8, Draft = 16 };

class FlagSet {
public:
    constexpr FlagSet() = default;
    constexpr FlagSet(Flag flag) : _bits(static_cast<std::uint8_t>(flag)) {}

    [[nodiscard]] constexpr bool has(Flag flag) const { return (_bits & static_cast<std::uint8_t>(flag)) != 0; }
    [[nodiscard]] constexpr bool isEmpty() const { return _bits == 0; }
    constexpr void set(Flag flag) { _bits |= static_cast<std::uint8_t>(flag); }
    constexpr void clear(Flag flag) { _bits &= static_cast<std::uint8_t>(~static_cast<unsigned>(flag)); }
    constexpr FlagSet operator|(FlagSet other) const {
        return fromBits(static_cast<std::uint8_t>(_bits | other._bits));
    }
    constexpr FlagSet without(FlagSet other) const {
        return fromBits(static_cast<std::uint8_t>(_bits & ~static_cast<unsigned>(other._bits)));
    }
    constexpr bool operator==(const FlagSet&) const = default;
    [[nodiscard]] constexpr std::uint8_t bits() const { return _bits; }
    static constexpr FlagSet fromBits(std::uint8_t bits) {
        FlagSet set;
        set._bits = bits;
        return set;
    }

private:
    std::uint8_t _bits = 0;
};

// Keywords of one message as indexes into the mailbox's KeywordTable. The first 26 are the letters a-z of file names;
// the others are kept in the UID list.
constexpr std::size_t maxKeywords = 128;
using KeywordSet = std::bitset<maxKeywords>;

}  // namespace maildir

template <class Tag, class T>
struct std::hash<maildir::Number<Tag, T>> {
    std::size_t operator()(const maildir::Number<Tag, T>& number) const noexcept {
        return std::hash<T>()(number.value);
    }
};
