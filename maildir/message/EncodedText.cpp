#include <algorithm>
#include <map>

#include "maildir/message/Ascii.h"
#include "maildir/message/Charset.h"
#include "maildir/message/Header.h"
#include "maildir/message/TextSearch.h"
#include "maildir/message/TransferDecoder.h"

// Text of other charsets in header fields: encoded-words (RFC 2047) and parameter values (RFC 2231).

namespace maildir {

namespace {

struct EncodedWord {
    std::string_view charset;  // without the language of RFC 2231 5
    bool isBase64 = false;
    std::string_view text;
    std::size_t end = 0;  // after "?="
};

// Finds encoded-words in a value. Remembers where the next "?=" is, so that a value full of beginnings without an end
// is not searched again for each.
class EncodedWordFinder {
public:
    explicit EncodedWordFinder(std::string_view value) : _value(value) {}

    // The encoded-word that starts at `at` with "=?".
    std::optional<EncodedWord> wordAt(std::size_t at) {
        constexpr std::size_t maxCharsetOctets = 80;
        const std::size_t charsetStart = at + 2;
        const std::size_t charsetEnd = _value.substr(0, charsetStart + maxCharsetOctets).find('?', charsetStart);
        if (charsetEnd == std::string_view::npos || charsetEnd == charsetStart || charsetEnd + 2 >= _value.size())
            return {};
        const char encoding = ascii::lower(_value[charsetEnd + 1]);
        if ((encoding != 'b' && encoding != 'q') || _value[charsetEnd + 2] != '?') return {};
        const std::size_t textStart = charsetEnd + 3;
        if (_end == 0 || _end < textStart) _end = _value.find("?=", textStart);
        if (_end == std::string_view::npos) return {};
        EncodedWord word;
        word.charset = _value.substr(charsetStart, charsetEnd - charsetStart);
        word.charset = word.charset.substr(0, word.charset.find('*'));
        word.isBase64 = encoding == 'b';
        word.text = _value.substr(textStart, _end - textStart);
        word.end = _end + 2;
        if (word.text.find("=?") != std::string_view::npos && !word.isBase64) return {};  // the end of another word
        return word;
    }

private:
    std::string_view _value;
    std::size_t _end = 0;
};

void decodeText(const EncodedWord& word, std::string& octets) {
    if (word.isBase64) {
        TransferDecoder("base64").decode(word.text, octets, true);
        return;
    }
    for (std::size_t i = 0; i < word.text.size(); ++i) {
        const char c = word.text[i];
        const int high = c == '=' && i + 2 < word.text.size() ? ascii::hexValue(word.text[i + 1]) : -1;
        const int low = high >= 0 ? ascii::hexValue(word.text[i + 2]) : -1;
        if (low >= 0) {
            octets += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            octets += c == '_' ? ' ' : c;
        }
    }
}

bool isAllSpace(std::string_view text) {
    return std::all_of(text.begin(), text.end(), ascii::isSpace);
}

// Octets of neighbouring words of one charset: characters may be split over words, although RFC 2047 5 forbids it.
struct PendingWords {
    std::string_view charset;
    std::string octets;

    void flush(std::string& utf8) {
        if (octets.empty()) return;
        if (std::optional<CharsetDecoder> decoder = CharsetDecoder::open(charset)) {
            decoder->decode(octets, utf8, true);
        } else {
            appendLenient(octets, utf8);
        }
        octets.clear();
    }
};

}  // namespace

std::string decodeEncodedWords(std::string_view value) {
    std::string utf8;
    PendingWords pending;
    EncodedWordFinder finder(value);
    std::size_t plainStart = 0;
    bool afterWord = false;
    std::size_t at = value.find("=?");
    while (at != std::string_view::npos) {
        const std::optional<EncodedWord> word = finder.wordAt(at);
        if (!word || !isKnownCharset(std::string(word->charset))) {
            at = value.find("=?", at + 2);
            continue;
        }
        const std::string_view plain = value.substr(plainStart, at - plainStart);
        const bool joins = afterWord && isAllSpace(plain);  // RFC 2047 6.2: white space between words is not shown
        if (!joins || !ascii::equalIgnoringCase(pending.charset, word->charset)) pending.flush(utf8);
        if (!joins) appendLenient(plain, utf8);
        pending.charset = word->charset;
        decodeText(*word, pending.octets);
        afterWord = true;
        plainStart = word->end;
        at = value.find("=?", plainStart);
    }
    pending.flush(utf8);
    appendLenient(value.substr(plainStart), utf8);
    return utf8;
}

namespace {

void decodePercent(std::string_view text, std::string& octets) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? ascii::hexValue(text[i + 1]) : -1;
        const int low = high >= 0 ? ascii::hexValue(text[i + 2]) : -1;
        if (low >= 0) {
            octets += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            octets += text[i];
        }
    }
}

// Takes "charset'language'" off the front; empty if it is not there.
std::string takeCharset(std::string_view& text) {
    const std::size_t first = text.find('\'');
    const std::size_t second = first == std::string_view::npos ? first : text.find('\'', first + 1);
    if (second == std::string_view::npos) return {};
    std::string charset(text.substr(0, first));
    text.remove_prefix(second + 1);
    return charset;
}

std::string octetsToUtf8(std::string_view octets, const std::string& charset) {
    std::string utf8;
    if (std::optional<CharsetDecoder> decoder = CharsetDecoder::open(charset)) {
        decoder->decode(octets, utf8, true);
    } else {
        appendLenient(octets, utf8);
    }
    return utf8;
}

struct Section {
    std::string_view value;
    bool isExtended = false;
};

// The number of "name*12" or "name*12*" (RFC 2231 3), or nothing. suffix: what follows the name.
std::optional<unsigned> sectionNumber(std::string_view suffix) {
    if (suffix.ends_with('*')) suffix.remove_suffix(1);
    if (suffix.size() < 2 || suffix.size() > 5 || suffix.front() != '*') return {};
    unsigned number = 0;
    for (const char c : suffix.substr(1)) {
        if (!ascii::isDigit(c)) return {};
        number = number * 10 + static_cast<unsigned>(c - '0');
    }
    return number;
}

std::string joinSections(const std::map<unsigned, Section>& sections) {
    std::string charset;
    std::string octets;
    unsigned expected = 0;
    for (const auto& [number, section] : sections) {
        if (number != expected++) break;
        std::string_view value = section.value;
        if (number == 0 && section.isExtended) charset = takeCharset(value);
        if (section.isExtended) {
            decodePercent(value, octets);
        } else {
            octets += value;
        }
    }
    return octetsToUtf8(octets, charset);
}

}  // namespace

std::optional<std::string> decodedParameter(const std::vector<std::pair<std::string, std::string>>& parameters,
                                            std::string_view name) {
    const std::string* plain = nullptr;
    std::map<unsigned, Section> sections;
    for (const auto& [parameter, value] : parameters) {
        if (!ascii::equalIgnoringCase(std::string_view(parameter).substr(0, name.size()), name)) continue;
        const std::string_view suffix = std::string_view(parameter).substr(name.size());
        if (suffix.empty() && plain == nullptr) plain = &value;
        if (suffix == "*") {
            std::string_view text = value;
            const std::string charset = takeCharset(text);
            std::string octets;
            decodePercent(text, octets);
            return octetsToUtf8(octets, charset);
        }
        if (const std::optional<unsigned> number = sectionNumber(suffix)) {
            sections.try_emplace(*number, Section{value, suffix.ends_with('*')});
        }
    }
    if (sections.contains(0)) return joinSections(sections);
    // Many programs put encoded-words here, although RFC 2047 5 forbids it.
    if (plain != nullptr) return decodeEncodedWords(*plain);
    return std::nullopt;
}

}  // namespace maildir
