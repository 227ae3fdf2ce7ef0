#include "maildir/names/Unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "maildir/Error.h"
#include "maildir/names/NameMapper.h"

namespace maildir {

namespace {

constexpr std::string_view base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
constexpr char32_t maxCodePoint = 0x10FFFF;

bool isSurrogate(char32_t code) {
    return code >= 0xD800 && code <= 0xDFFF;
}

bool isPrintableAscii(char32_t code) {
    return code >= 0x20 && code <= 0x7E;
}

bool isSameInModifiedUtf7(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char octet) { return octet >= 0x20 && octet <= 0x7E && octet != '&'; });
}

// The code point at `position`, which then stands behind it; nothing if it is malformed.
std::optional<char32_t> nextCodePoint(std::string_view text, std::size_t& position) {
    const auto first = static_cast<unsigned char>(text[position++]);
    if (first < 0x80) return first;
    const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || text.size() - position < static_cast<std::size_t>(more)) return std::nullopt;
    char32_t code = first & (0x3FU >> more);
    for (int i = 0; i < more; ++i) {
        const auto octet = static_cast<unsigned char>(text[position++]);
        if ((octet & 0xC0) != 0x80) return std::nullopt;
        code = code << 6 | (octet & 0x3FU);
    }
    constexpr std::array<char32_t, 4> smallest{0, 0x80, 0x800, 0x10000};
    if (code < smallest[static_cast<std::size_t>(more)] || code > maxCodePoint || isSurrogate(code)) {
        return std::nullopt;
    }
    return code;
}

void appendUtf8(std::string& text, char32_t code) {
    const auto append = [&text](char32_t octet) { text += static_cast<char>(static_cast<unsigned char>(octet)); };
    if (code < 0x80) {
        append(code);
    } else if (code < 0x800) {
        append(0xC0 | code >> 6);
        append(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        append(0xE0 | code >> 12);
        append(0x80 | (code >> 6 & 0x3F));
        append(0x80 | (code & 0x3F));
    } else {
        append(0xF0 | code >> 18);
        append(0x80 | (code >> 12 & 0x3F));
        append(0x80 | (code >> 6 & 0x3F));
        append(0x80 | (code & 0x3F));
    }
}

// Writes one run of modified BASE64: UTF-16 code units in, digits out.
class ShiftWriter {
public:
    explicit ShiftWriter(std::string& text) : _text(text) {}

    void add(char32_t code) {
        if (!_isOpen) _text += '&';
        _isOpen = true;
        if (code >= 0x10000) {
            addUnit(0xD800 + ((code - 0x10000) >> 10));
            addUnit(0xDC00 + ((code - 0x10000) & 0x3FF));
        } else {
            addUnit(code);
        }
    }

    void close() {
        if (!_isOpen) return;
        if (_bitCount > 0) _text += base64Digits[(_bits << (6 - _bitCount)) & 0x3F];
        _text += '-';
        _bits = 0;
        _bitCount = 0;
        _isOpen = false;
    }

private:
    void addUnit(char32_t unit) {
        _bits = (_bits << 16 | static_cast<std::uint32_t>(unit)) & 0x3FFFFF;  // at most 4 bits were left over
        _bitCount += 16;
        while (_bitCount >= 6) {
            _bitCount -= 6;
            _text += base64Digits[(_bits >> _bitCount) & 0x3F];
        }
    }

    std::string& _text;
    std::uint32_t _bits = 0;
    unsigned _bitCount = 0;
    bool _isOpen = false;
};

// Decodes the digits between '&' and '-'; false if they are no whole, well-formed UTF-16.
bool appendShifted(std::string& text, std::string_view digits) {
    std::uint32_t bits = 0;
    unsigned bitCount = 0;
    char32_t high = 0;
    for (const char digit : digits) {
        const auto value = base64Digits.find(digit);
        if (value == std::string_view::npos) return false;
        bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0x3FFFFF;
        bitCount += 6;
        if (bitCount < 16) continue;
        bitCount -= 16;
        const char32_t unit = (bits >> bitCount) & 0xFFFF;
        if (high != 0) {
            if (unit < 0xDC00 || unit > 0xDFFF) return false;
            appendUtf8(text, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
            high = 0;
        } else if (unit >= 0xD800 && unit <= 0xDBFF) {
            high = unit;
        } else if (isSurrogate(unit)) {
            return false;
        } else {
            appendUtf8(text, unit);
        }
    }
    // What is left over is padding: less than a digit, and zero.
    return high == 0 && bitCount < 6 && (bits & ((1U << bitCount) - 1)) == 0;
}

}  // namespace

bool isValidUtf8(std::string_view text) {
    for (std::size_t position = 0; position < text.size();) {
        if (!nextCodePoint(text, position)) return false;
    }
    return true;
}

std::optional<std::string> encodeModifiedUtf7(std::string_view utf8,
                                              const std::function<bool(std::size_t)>& mustShift) {
    std::string text;
    ShiftWriter shift(text);
    for (std::size_t position = 0; position < utf8.size();) {
        const std::size_t start = position;
        const auto code = nextCodePoint(utf8, position);
        if (!code) return std::nullopt;
        if (!isPrintableAscii(*code) || mustShift(start)) {
            shift.add(*code);
            continue;
        }
        shift.close();
        text += static_cast<char>(*code);
        if (*code == '&') text += '-';
    }
    shift.close();
    return text;
}

std::optional<std::string> utf8ToModifiedUtf7(std::string_view utf8) {
    if (isSameInModifiedUtf7(utf8)) return std::string(utf8);
    return encodeModifiedUtf7(utf8, [](std::size_t) { return false; });
}

std::optional<std::string> modifiedUtf7ToUtf8(std::string_view utf7) {
    if (isSameInModifiedUtf7(utf7)) return std::string(utf7);
    std::string text;
    for (std::size_t position = 0; position < utf7.size(); ++position) {
        const char octet = utf7[position];
        if (!isPrintableAscii(static_cast<unsigned char>(octet))) return std::nullopt;
        if (octet != '&') {
            text += octet;
            continue;
        }
        const auto end = utf7.find('-', position);
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view digits = utf7.substr(position + 1, end - position - 1);
        if (digits.empty()) {
            text += '&';
        } else if (!appendShifted(text, digits)) {
            return std::nullopt;
        }
        position = end;
    }
    return text;
}

std::optional<std::string> toNfc(std::string_view utf8) {
    if (!isValidUtf8(utf8)) return std::nullopt;
    if (std::all_of(utf8.begin(), utf8.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
        return std::string(utf8);
    }
    UErrorCode status = U_ZERO_ERROR;
    // ICU's own, made once; asked for once, since a race detector does not see how ICU orders its making for us.
    static const icu::Normalizer2* const form = icu::Normalizer2::getNFCInstance(status);
    if (form == nullptr) throw Error(ErrorKind::Io, "ICU has no data to normalise a name");
    icu::UnicodeString normal;
    const icu::StringPiece piece(utf8.data(), static_cast<int32_t>(utf8.size()));
    form->normalize(icu::UnicodeString::fromUTF8(piece), normal, status);
    if (U_FAILURE(status)) throw Error(ErrorKind::Io, "ICU failed to normalise a name");
    std::string result;
    icu::StringByteSink<std::string> sink(&result);
    normal.toUTF8(sink);
    return result;
}

std::string caseFolded(std::string_view utf8) {
    std::string folded;
    icu::UnicodeString::fromUTF8(icu::StringPiece(utf8.data(), static_cast<std::int32_t>(utf8.size())))
        .foldCase()
        .toUTF8String(folded);
    return folded;
}

bool hasControl(std::string_view utf8) {
    for (std::size_t position = 0; position < utf8.size();) {
        const std::optional<char32_t> code = nextCodePoint(utf8, position);
        if (!code) return false;
        const bool isC0OrC1 = *code < 0x20 || (*code >= 0x7F && *code <= 0x9F);
        if (isC0OrC1 || *code == 0x2028 || *code == 0x2029) return true;
    }
    return false;
}

}  // namespace maildir
