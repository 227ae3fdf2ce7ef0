#include "maildir/message/Charset.h"

#include <unicode/ucnv.h>
#include <unicode/ucnv_err.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "maildir/message/Ascii.h"
#include "maildir/message/CaseFold.h"
#include "maildir/message/TextSearch.h"

namespace maildir {

namespace {

constexpr std::size_t maxCharsetOctets = 64;
constexpr std::size_t unitsAtOnce = 4096;

// windows-1252 from 0x80 to 0x9F; five are unassigned and stay the control characters they are in latin-1.
constexpr std::array<char16_t, 32> windows1252 = {0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                  0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
                                                  0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                  0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

// Labels that stand for more than they say, as the programs that write them mean them.
struct Label {
    std::string_view written;
    const char* meant;
};
constexpr std::array<Label, 7> labels = {{{"iso-8859-1", "windows-1252"},
                                          {"latin1", "windows-1252"},
                                          {"gb2312", "gb18030"},
                                          {"gbk", "gb18030"},
                                          {"ks_c_5601-1987", "windows-949"},
                                          {"euc-kr", "windows-949"},
                                          {"unicode-1-1-utf-7", "utf-7"}}};

bool isLenientLabel(std::string_view charset) {
    constexpr std::array<std::string_view, 5> names = {"us-ascii", "ascii", "ansi_x3.4-1968", "utf-8", "utf8"};
    return std::any_of(names.begin(), names.end(), [&](auto name) { return ascii::equalIgnoringCase(name, charset); });
}

bool isCharsetName(std::string_view charset) {
    return !charset.empty() && charset.size() <= maxCharsetOctets &&
           std::all_of(charset.begin(), charset.end(), [](char c) {
               return ascii::isLetter(c) || ascii::isDigit(c) ||
                      std::string_view("-_.:+()").find(c) != std::string_view::npos;
           });
}

void appendUtf16(const char16_t* units, std::size_t count, std::string& utf8) {
    for (std::size_t i = 0; i < count; ++i) {
        UChar32 character = units[i];
        if (U16_IS_LEAD(character) && i + 1 < count && U16_IS_TRAIL(units[i + 1])) {
            character = U16_GET_SUPPLEMENTARY(character, units[++i]);
        } else if (U16_IS_SURROGATE(character)) {
            character = 0xFFFD;
        }
        std::uint8_t octets[4];
        std::size_t size = 0;
        U8_APPEND_UNSAFE(octets, size, character);
        utf8.append(reinterpret_cast<const char*>(octets), size);
    }
}

// Octets of the character at the start of the text if it is well-formed UTF-8, else 0.
std::size_t utf8Length(std::string_view text) {
    const auto* octets = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto length = static_cast<std::int32_t>(std::min<std::size_t>(text.size(), 4));
    std::int32_t at = 0;
    UChar32 character = 0;
    U8_NEXT(octets, at, length, character);
    return character < 0 ? 0 : static_cast<std::size_t>(at);
}

// Whether more octets could make the text, which is no well-formed character, the start of one.
bool mayBecomeUtf8(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead >= 0xF0 && lead <= 0xF4  ? 4
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                                                             : 0;
    return text.size() < length && std::all_of(text.begin() + 1, text.end(), [](char c) { return (c & 0xC0) == 0x80; });
}

// Converts up to the end, or to a character that is not whole there when more follows; returns the octets used.
std::size_t convertLenient(std::string_view text, std::string& utf8, bool isLast) {
    if (isAscii(text)) {
        utf8.append(text);
        return text.size();
    }
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t start = at;
        while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
        utf8.append(text.substr(start, at - start));
        if (at >= text.size()) break;
        const std::string_view rest = text.substr(at);
        if (const std::size_t length = utf8Length(rest)) {
            utf8.append(rest.substr(0, length));
            at += length;
            continue;
        }
        if (!isLast && rest.size() < 4 && mayBecomeUtf8(rest)) break;
        const auto octet = static_cast<unsigned char>(rest.front());
        const char16_t unit = octet < 0xA0 ? windows1252[octet - 0x80u] : octet;
        appendUtf16(&unit, 1, utf8);
        ++at;
    }
    return at;
}

// A shift into another set and back without a character between is what text in pieces has at each join, as each
// encoded-word and many a line begins and ends in ASCII (RFC 2047 section 3, RFC 1468): ICU would put U+FFFD there.
void substituteDamage(const void* context, UConverterToUnicodeArgs* arguments, const char* octets, std::int32_t length,
                      UConverterCallbackReason reason, UErrorCode* status) {
    if (reason == UCNV_IRREGULAR && *status == U_ILLEGAL_ESCAPE_SEQUENCE) {
        *status = U_ZERO_ERROR;
        return;
    }
    UCNV_TO_U_CALLBACK_SUBSTITUTE(context, arguments, octets, length, reason, status);
}

}  // namespace

struct CharsetDecoder::Converter {
    explicit Converter(UConverter* opened) : converter(opened) {}
    ~Converter() { ucnv_close(converter); }
    Converter(const Converter&) = delete;
    Converter& operator=(const Converter&) = delete;

    UConverter* converter;
    char16_t lead = 0;  // a surrogate whose other half was not given yet
};

CharsetDecoder::CharsetDecoder(std::unique_ptr<Converter> converter) : _converter(std::move(converter)) {}
CharsetDecoder::CharsetDecoder(CharsetDecoder&&) noexcept = default;
CharsetDecoder& CharsetDecoder::operator=(CharsetDecoder&&) noexcept = default;
CharsetDecoder::~CharsetDecoder() = default;

CharsetDecoder CharsetDecoder::lenient() {
    return CharsetDecoder(nullptr);
}

std::optional<CharsetDecoder> CharsetDecoder::open(std::string_view charset) {
    if (!isCharsetName(charset)) return std::nullopt;
    if (isLenientLabel(charset)) return lenient();
    std::string name(charset);
    for (const Label& label : labels) {
        if (ascii::equalIgnoringCase(label.written, charset)) name = label.meant;
    }
    UErrorCode status = U_ZERO_ERROR;
    auto converter = std::make_unique<Converter>(ucnv_open(name.c_str(), &status));
    if (U_FAILURE(status) || converter->converter == nullptr) return std::nullopt;
    ucnv_setToUCallBack(converter->converter, substituteDamage, nullptr, nullptr, nullptr, &status);
    if (U_FAILURE(status)) return std::nullopt;
    return CharsetDecoder(std::move(converter));
}

void CharsetDecoder::decode(std::string_view octets, std::string& utf8, bool isLast) {
    if (!_converter) {
        if (!_incomplete.empty()) {
            _incomplete += octets;
            octets = _incomplete;
        }
        std::string rest(octets.substr(convertLenient(octets, utf8, isLast)));
        _incomplete = std::move(rest);
        return;
    }
    const char* source = octets.data();
    const char* const end = source + octets.size();
    char16_t units[unitsAtOnce + 1];
    UErrorCode status = U_ZERO_ERROR;
    do {
        status = U_ZERO_ERROR;
        char16_t* target = units;
        if (_converter->lead != 0) *target++ = _converter->lead;
        _converter->lead = 0;
        ucnv_toUnicode(_converter->converter, &target, units + unitsAtOnce, &source, end, nullptr, isLast ? 1 : 0,
                       &status);
        std::size_t count = static_cast<std::size_t>(target - units);
        if (count > 0 && U16_IS_LEAD(units[count - 1]) && (status == U_BUFFER_OVERFLOW_ERROR || !isLast)) {
            _converter->lead = units[--count];
        }
        appendUtf16(units, count, utf8);
    } while (status == U_BUFFER_OVERFLOW_ERROR);
    if (U_FAILURE(status)) ucnv_resetToUnicode(_converter->converter);
}

void appendLenient(std::string_view text, std::string& utf8) {
    convertLenient(text, utf8, true);
}

std::optional<std::string> toUtf8(std::string_view text, const std::string& charset) {
    if (ascii::equalIgnoringCase(charset, "utf-8") || ascii::equalIgnoringCase(charset, "us-ascii")) {
        // Strict here: what a client says its text is, it has to be.
        std::string utf8;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t length = utf8Length(text.substr(at));
            const bool isWhole = length > 0 && (length == 1 || !ascii::equalIgnoringCase(charset, "us-ascii"));
            utf8 += isWhole ? text.substr(at, length) : std::string_view("\xEF\xBF\xBD");
            at += isWhole ? length : 1;
        }
        return utf8;
    }
    std::optional<CharsetDecoder> decoder = CharsetDecoder::open(charset);
    if (!decoder) return std::nullopt;
    std::string utf8;
    decoder->decode(text, utf8, true);
    return utf8;
}

bool isKnownCharset(const std::string& charset) {
    return CharsetDecoder::open(charset).has_value();
}

}  // namespace maildir
