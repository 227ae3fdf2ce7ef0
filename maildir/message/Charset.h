// Octets of a named charset to UTF-8, in pieces of any size: one converter per text. Mail lies about charsets, so
// us-ascii (which is also what is assumed when nothing is said) is read as UTF-8 where it is UTF-8 and as windows-1252
// where not.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace maildir {

class CharsetDecoder {
public:
    // Nothing if the charset is unknown. The name may be hostile.
    static std::optional<CharsetDecoder> open(std::string_view charset);
    // Reads UTF-8 and, octet by octet where that fails, windows-1252.
    static CharsetDecoder lenient();

    CharsetDecoder(CharsetDecoder&&) noexcept;
    CharsetDecoder& operator=(CharsetDecoder&&) noexcept;
    ~CharsetDecoder();

    // Appends UTF-8. Malformed octets become U+FFFD. isLast: no more octets follow.
    void decode(std::string_view octets, std::string& utf8, bool isLast);

private:
    struct Converter;
    explicit CharsetDecoder(std::unique_ptr<Converter> converter);

    std::unique_ptr<Converter> _converter;  // null: lenient
    std::string _incomplete;                // lenient: the start of a character whose rest may follow
};

// Appends `text` as UTF-8: what is UTF-8 as it is, other octets as windows-1252.
void appendLenient(std::string_view text, std::string& utf8);

}  // namespace maildir
