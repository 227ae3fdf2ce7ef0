#include "maildir/message/CaseFold.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "maildir/Error.h"
#include "maildir/message/Ascii.h"

namespace maildir {

namespace {

const icu::Normalizer2& folding() {
    UErrorCode status = U_ZERO_ERROR;
    // ICU's own, made once; asked for once, since a race detector does not see how ICU orders its making for us.
    static const icu::Normalizer2* const instance = icu::Normalizer2::getNFKCCasefoldInstance(status);
    if (instance == nullptr) throw Error(ErrorKind::Io, "ICU has no data for case folding");
    return *instance;
}

constexpr std::uint64_t everyOctet = 0x0101010101010101U, highBits = everyOctet * 0x80;

std::uint64_t eightOctets(const char* text) {
    std::uint64_t octets = 0;
    std::memcpy(&octets, text, sizeof octets);
    return octets;
}

// Eight octets at a time. All are below 0x80, so that none carries into the next.
void foldAscii(std::string_view text, char* folded) {
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t octets = eightOctets(text.data() + at);
        const std::uint64_t fromA = octets + everyOctet * (0x80 - 'A');
        const std::uint64_t pastZ = octets + everyOctet * (0x80 - 'Z' - 1);
        octets |= (fromA & ~pastZ & highBits) >> 2;  // 0x80 >> 2 makes it lower case
        std::memcpy(folded + at, &octets, sizeof octets);
    }
    for (; at < text.size(); ++at) folded[at] = ascii::lower(text[at]);
}

// ICU counts in 32 bits.
constexpr std::size_t maxAtOnce = 1 << 20;

void foldUnicode(std::string_view utf8, std::string& folded) {
    const icu::UnicodeString text =
        icu::UnicodeString::fromUTF8(icu::StringPiece(utf8.data(), static_cast<int32_t>(utf8.size())));
    UErrorCode status = U_ZERO_ERROR;
    icu::UnicodeString result;
    folding().normalize(text, result, status);
    if (U_FAILURE(status)) throw Error(ErrorKind::Io, "ICU failed to fold text");
    icu::StringByteSink<std::string> sink(&folded);
    result.toUTF8(sink);
}

// Octets before the first that is not ASCII.
std::size_t asciiLength(std::string_view text) {
    std::size_t at = 0;
    while (at + 8 <= text.size() && (eightOctets(text.data() + at) & highBits) == 0) at += 8;
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    return at;
}

// Octets up to a stretch that is plain enough to be worth folding without ICU; at most what may be cut.
std::size_t unicodeLength(std::string_view text) {
    constexpr std::size_t plainStretch = 32;
    std::size_t plain = 0;
    for (std::size_t at = 1; at < text.size(); ++at) {
        plain = static_cast<unsigned char>(text[at]) < 0x80 ? plain + 1 : 0;
        if (plain == plainStretch) return at + 1 - plainStretch;
    }
    return text.size() < maxAtOnce ? text.size() : foldableLength(text);
}

}  // namespace

bool isAscii(std::string_view text) {
    std::uint64_t high = 0;
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) high |= eightOctets(text.data() + at);
    for (; at < text.size(); ++at) high |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[at]));
    return (high & highBits) == 0;
}

void foldCase(std::string_view utf8, std::string& folded) {
    while (!utf8.empty()) {
        // The last ASCII octet before others may be the letter of a combining mark.
        const std::size_t other = asciiLength(utf8);
        const std::size_t plain = other == utf8.size() ? other : other - std::min<std::size_t>(other, 1);
        const std::size_t start = folded.size();
        folded.resize(start + plain);
        foldAscii(utf8.substr(0, plain), folded.data() + start);
        utf8.remove_prefix(plain);
        if (utf8.empty()) return;
        const std::size_t length = unicodeLength(utf8.substr(0, maxAtOnce));
        foldUnicode(utf8.substr(0, length), folded);
        utf8.remove_prefix(length);
    }
}

std::size_t foldableLength(std::string_view utf8) {
    std::size_t length = utf8.size();
    while (length > 1 && static_cast<unsigned char>(utf8[length - 1]) >= 0x80) --length;
    if (length > 1) return length - 1;
    for (length = utf8.size(); length > 1 && (static_cast<unsigned char>(utf8[length - 1]) & 0xC0) == 0x80;) --length;
    return length > 1 ? length - 1 : utf8.size();
}

}  // namespace maildir
