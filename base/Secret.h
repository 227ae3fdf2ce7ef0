// Octets that nobody may find in memory that was given back: a password, and whatever it arrived in. Wiped as a whole,
// by a call that the compiler keeps, when it ends, is assigned to, or moves to a larger buffer. Standard library only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace maildock {

// Empties it; no octet that it ever held since its last growth is left. Its memory stays its own.
inline void wipe(std::string& text) noexcept {
    text.resize(text.capacity());  // does not grow, so that it can't throw
    ::explicit_bzero(text.data(), text.size());
    text.clear();
}

// Wipes octets of somebody else's buffer at the end of a block, however that ends.
class WipedAtEnd {
public:
    WipedAtEnd(char* octets, std::size_t count) : _octets(octets), _count(count) {}
    ~WipedAtEnd() {
        if (_count > 0) ::explicit_bzero(_octets, _count);
    }
    WipedAtEnd(const WipedAtEnd&) = delete;
    WipedAtEnd& operator=(const WipedAtEnd&) = delete;

private:
    char* _octets;
    std::size_t _count;
};

// A string that moves and is never copied unseen. What it holds lies outside the object always, never in the small
// buffer inside a std::string: a move takes the buffer along and leaves nothing behind.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view octets) { append(octets); }
    Secret(Secret&& other) noexcept { _text.swap(other._text); }
    // What was held goes, and its memory with it.
    Secret& operator=(Secret&& other) noexcept {
        Secret taken(std::move(other));
        _text.swap(taken._text);
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { clear(); }

    // For interfaces that take a string; whoever copies it has to wipe the copy.
    [[nodiscard]] const std::string& text() const { return _text; }
    [[nodiscard]] std::string_view view() const { return _text; }
    operator std::string_view() const { return _text; }  // NOLINT(google-explicit-constructor): as std::string has it
    [[nodiscard]] std::size_t size() const { return _text.size(); }
    [[nodiscard]] bool empty() const { return _text.empty(); }
    [[nodiscard]] char operator[](std::size_t at) const { return _text[at]; }
    // Octets of memory that it holds beside itself.
    [[nodiscard]] std::size_t capacity() const { return isHeld() ? _text.capacity() : 0; }

    // Room for so many octets together, so that nothing moves until they are there.
    void reserve(std::size_t octets) {
        if (octets == 0 || (isHeld() && octets <= _text.capacity())) return;
        std::string larger;
        larger.reserve(std::max({octets, leastOctets, 2 * capacity()}));
        larger.append(_text);
        clear();
        _text.swap(larger);
    }
    Secret& append(std::string_view octets) {
        if (!octets.empty() && !fits(octets.size())) {
            // The octets may be our own, and then go with the buffer.
            Secret larger;
            larger.reserve(std::max(_text.size() + octets.size(), 2 * capacity()));
            larger._text.append(_text).append(octets);
            _text.swap(larger._text);
            return *this;
        }
        _text.append(octets);
        return *this;
    }
    Secret& operator+=(std::string_view octets) { return append(octets); }
    Secret& operator+=(char octet) { return append({&octet, 1}); }
    void pop_back() { _text.pop_back(); }  // NOLINT(readability-identifier-naming): as std::string has it
    // What is cut off is wiped along with the rest.
    void keepFirst(std::size_t octets) { _text.resize(std::min(octets, _text.size())); }
    void keepLast(std::size_t octets) { _text.erase(0, _text.size() - std::min(octets, _text.size())); }
    void clear() noexcept {
        if (isHeld()) wipe(_text);
    }

private:
    static constexpr std::size_t leastOctets = 32;  // more than fits into any std::string itself

    [[nodiscard]] bool isHeld() const { return _text.capacity() >= leastOctets; }
    [[nodiscard]] bool fits(std::size_t octets) const { return isHeld() && octets <= _text.capacity() - _text.size(); }

    std::string _text;
};

}  // namespace maildock
