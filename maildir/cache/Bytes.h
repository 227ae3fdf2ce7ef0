// Numbers and strings as octets of the cache file, and back. Numbers are little-endian base 128 (seven bits an octet,
// the highest says that more follow), hashes eight octets, strings their length and their octets. A reader never reads
// past its end: what is missing reads as zero or empty, and isSound() tells.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace maildir {

class ByteWriter {
public:
    explicit ByteWriter(std::string& out) : _out(out) {}

    void number(std::uint64_t value) {
        while (value >= 0x80) {
            _out += static_cast<char>(value | 0x80);
            value >>= 7;
        }
        _out += static_cast<char>(value);
    }
    void signedNumber(std::int64_t value) {  // small ones of either sign are short
        const auto bits = static_cast<std::uint64_t>(value);
        number((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
    }
    void fixed(std::uint64_t value) {
        char octets[8];
        for (char& octet : octets) {
            octet = static_cast<char>(value);
            value >>= 8;
        }
        _out.append(octets, sizeof octets);
    }
    void string(std::string_view value) {
        number(value.size());
        _out.append(value);
    }

private:
    std::string& _out;
};

class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : _rest(bytes) {}

    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && !_rest.empty(); shift += 7) {
            const auto octet = static_cast<unsigned char>(_rest.front());
            _rest.remove_prefix(1);
            value |= std::uint64_t{octet & 0x7Fu} << shift;
            if ((octet & 0x80) == 0) return value;
        }
        return fail();
    }
    // A number that is at most `most`.
    std::uint64_t number(std::uint64_t most) {
        const std::uint64_t value = number();
        return value <= most ? value : fail();
    }
    template <class T>
    T as() {
        return static_cast<T>(number(static_cast<std::uint64_t>(static_cast<T>(-1))));
    }
    std::int64_t signedNumber() {
        const std::uint64_t bits = number();
        return static_cast<std::int64_t>((bits >> 1) ^ ((bits & 1) != 0 ? ~std::uint64_t{0} : 0));
    }
    std::uint64_t fixed() {
        if (_rest.size() < 8) return fail();
        std::uint64_t value = 0;
        for (std::size_t at = 8; at-- > 0;) value = value << 8 | static_cast<unsigned char>(_rest[at]);
        _rest.remove_prefix(8);
        return value;
    }
    std::string_view string() { return octets(number()); }
    std::string_view octets(std::uint64_t count) {
        if (count > _rest.size()) {
            fail();
            return {};
        }
        const std::string_view value = _rest.substr(0, count);
        _rest.remove_prefix(count);
        return value;
    }
    // How many things of at least `octets` octets each are to come: never more than there is room for.
    std::size_t count(std::size_t octets) { return static_cast<std::size_t>(number(_rest.size() / octets)); }

    [[nodiscard]] bool isSound() const { return _isSound; }
    [[nodiscard]] bool isAtEnd() const { return _rest.empty(); }

private:
    std::uint64_t fail() {
        _isSound = false;
        _rest = {};
        return 0;
    }
    std::string_view _rest;
    bool _isSound = true;
};

}  // namespace maildir
