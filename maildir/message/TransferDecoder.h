// Undoes a Content-Transfer-Encoding in pieces of any size. Tolerant: what is no base64 is skipped, a '=' that starts
// no quoted octet stands for itself. Base64 ends at its padding: what follows, such as a list's footer, is no data.
// RFC 2045 6.7, 6.8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace maildir {

class TransferDecoder {
public:
    // encoding: that of the part (Structure.h). What is neither base64 nor quoted-printable is given as it is.
    explicit TransferDecoder(std::string_view encoding);

    // True for 7bit, 8bit, binary, base64, quoted-printable (RFC 3516 needs to refuse others).
    static bool isKnown(std::string_view encoding);

    // What is decoded is what is encoded.
    [[nodiscard]] bool isIdentity() const { return _kind == Kind::Identity; }

    // Appends what is decoded. isLast: nothing more follows.
    void decode(std::string_view encoded, std::string& decoded, bool isLast);

private:
    enum class Kind : std::uint8_t { Identity, Base64, QuotedPrintable };

    void decodeBase64(std::string_view encoded, std::string& decoded);
    void decodeQuotedPrintable(std::string_view encoded, std::string& decoded, bool isLast);

    Kind _kind = Kind::Identity;
    std::uint32_t _bits = 0;  // base64: bits that make no octet yet
    unsigned _bitCount = 0;   // how many
    bool _isPadded = false;   // base64: the end was reached
    std::string _incomplete;  // quoted-printable: an escape, or blanks, whose rest may follow
};

}  // namespace maildir
