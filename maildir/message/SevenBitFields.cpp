#include "maildir/message/SevenBitFields.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "maildir/message/Ascii.h"
#include "maildir/message/SevenBitHeader.h"

namespace maildir {

namespace {

// One piece of a value, after the blanks that stand before it.
struct Word {
    enum Kind { Plain, Quoted, Comment, Special };
    Kind kind = Plain;
    std::string_view blanks;
    std::string_view text;
    [[nodiscard]] bool isForbidden() const { return hasForbidden(text); }
    [[nodiscard]] bool mayHoldEncodedWord() const { return text.find("=?") != std::string_view::npos; }
};

std::size_t afterBlanks(std::string_view text, std::size_t at) {
    while (at < text.size() && ascii::isBlank(text[at])) ++at;
    return at;
}

// Splits at blanks; comments stay whole if they are asked for.
std::vector<Word> wordsOf(std::string_view text, bool withComments) {
    std::vector<Word> words;
    for (std::size_t at = 0; at < text.size();) {
        Word word;
        const std::size_t start = afterBlanks(text, at);
        word.blanks = text.substr(at, start - at);
        std::size_t end = start;
        if (withComments && start < text.size() && text[start] == '(') {
            word.kind = Word::Comment;
            end = ascii::afterComment(text, start);
        } else {
            while (end < text.size() && !ascii::isBlank(text[end]) && !(withComments && text[end] == '(')) ++end;
        }
        word.text = text.substr(start, end - start);
        words.push_back(word);
        at = end;
    }
    return words;
}

std::string withoutQuotedPairs(std::string_view text) {
    std::string found;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        found += text[i];
    }
    return found;
}

// The inside of a comment or a quoted string, which may lack its end.
std::string_view inside(std::string_view text, char end) {
    bool isClosed = false;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else {
            isClosed = i + 1 == text.size() && text[i] == end;
        }
    }
    return text.substr(1, text.size() - (isClosed ? 2 : 1));
}

void writeComment(const Word& word, FieldWriter& writer) {
    writer.encoded(word.blanks, decodeEncodedWords(withoutQuotedPairs(inside(word.text, ')'))), "(", ")");
}

// Words in a row that have to be encoded, as one text so that the blanks between them stay. Encoded-words right before
// and after join it: white space between them and the new ones would not be shown (RFC 2047 6.2).
void writeWords(const std::vector<Word>& words, FieldWriter& writer) {
    const auto isText = [&](std::size_t i) { return words[i].kind != Word::Comment; };
    for (std::size_t i = 0; i < words.size();) {
        if (!isText(i)) {
            if (words[i].isForbidden()) {
                writeComment(words[i], writer);
            } else {
                writer.word(words[i].blanks, words[i].text);
            }
            ++i;
            continue;
        }
        bool isEncoded = false;
        std::size_t end = i;
        while (end < words.size() && isText(end) && (words[end].isForbidden() || words[end].mayHoldEncodedWord())) {
            isEncoded = isEncoded || words[end].isForbidden();
            ++end;
        }
        if (!isEncoded) {
            for (end = std::max(end, i + 1); i < end; ++i) writer.word(words[i].blanks, words[i].text);
            continue;
        }
        const char* const first = words[i].text.data();
        const char* const last = words[end - 1].text.data() + words[end - 1].text.size();
        const std::string_view run(first, static_cast<std::size_t>(last - first));
        const bool needsBlank = words[i].blanks.empty() && i > 0;
        writer.encoded(needsBlank ? " " : words[i].blanks, decodeEncodedWords(run));
        i = end;
    }
}

}  // namespace

void writeUnstructured(std::string_view utf8, FieldWriter& writer) {
    writeWords(wordsOf(utf8, false), writer);
}

std::string unstructuredField(std::string_view name, std::string_view utf8) {
    FieldWriter writer(name);
    writeUnstructured(utf8, writer);
    return writer.finish();
}

std::string commentedField(std::string_view name, std::string_view utf8) {
    FieldWriter writer(name);
    writeWords(wordsOf(utf8, true), writer);
    return writer.finish();
}

namespace {

// Rewrites an address list element by element: up to a comma, semicolon or (a group's name) colon.
class AddressRewriter {
public:
    AddressRewriter(std::string_view name, std::string_view utf8) : _writer(name), _text(utf8) {}

    std::string rewrite() {
        while (_at < _text.size()) {
            Word word = next();
            if (word.text.empty()) break;
            const bool isSpecial = word.kind == Word::Special;
            if (isSpecial && word.text == "<") _isInAngle = true;
            if (isSpecial && word.text == ">") _isInAngle = false;
            const char special = isSpecial ? word.text.front() : '\0';
            if (special == ',' || special == ';' || special == ':') {
                if (!_isInAngle) {
                    element();
                    _writer.word(word.blanks, word.text);
                    continue;
                }
            }
            _words.push_back(word);
        }
        element();
        return _writer.finish();
    }

private:
    Word next() {
        constexpr std::string_view specials = "<>@,;:";
        Word word;
        const std::size_t start = afterBlanks(_text, _at);
        word.blanks = _text.substr(_at, start - _at);
        std::size_t end = start;
        if (start < _text.size()) {
            const char c = _text[start];
            if (c == '"') {
                word.kind = Word::Quoted;
                for (end = start + 1; end < _text.size() && _text[end] != '"'; ++end) {
                    if (_text[end] == '\\' && end + 1 < _text.size()) ++end;
                }
                end = std::min(end + 1, _text.size());
            } else if (c == '(') {
                word.kind = Word::Comment;
                end = ascii::afterComment(_text, start);
            } else if (specials.find(c) != std::string_view::npos) {
                word.kind = Word::Special;
                end = start + 1;
            } else {
                while (end < _text.size() && !ascii::isBlank(_text[end]) &&
                       std::string_view("<>@,;:(\"").find(_text[end]) == std::string_view::npos) {
                    ++end;
                }
            }
        }
        word.text = _text.substr(start, end - start);
        _at = end;
        return word;
    }

    void element() {
        const std::vector<Word> words = std::exchange(_words, {});
        _isInAngle = false;
        if (std::none_of(words.begin(), words.end(), [](const Word& word) { return word.isForbidden(); })) {
            for (const Word& word : words) _writer.word(word.blanks, word.text);
            return;
        }
        const auto isSpecial = [](char c) {
            return [c](const Word& word) { return word.kind == Word::Special && word.text.front() == c; };
        };
        const auto angle = std::find_if(words.begin(), words.end(), isSpecial('<'));
        if (angle != words.end()) {
            const auto close = std::find_if(angle, words.end(), isSpecial('>'));
            phraseAndAddress({words.begin(), angle}, {angle, close == words.end() ? close : close + 1});
            comments({close == words.end() ? close : close + 1, words.end()});
        } else if (std::any_of(words.begin(), words.end(), isSpecial('@'))) {
            bareAddress(words);
        } else {
            phrase(words, {});
            comments(words);
        }
    }

    // "name" or "(comment)" as a reader shows it.
    static std::string plainText(const std::vector<Word>& words) {
        std::string text;
        for (const Word& word : words) {
            if (word.kind == Word::Comment) continue;
            if (!text.empty()) text += word.blanks;
            text += word.kind == Word::Quoted ? withoutQuotedPairs(inside(word.text, '"')) : std::string(word.text);
        }
        return text;
    }

    static bool isForbiddenOutsideComments(const std::vector<Word>& words) {
        return std::any_of(words.begin(), words.end(),
                           [](const Word& word) { return word.kind != Word::Comment && word.isForbidden(); });
    }

    // addition: belongs to the name and is not in it.
    void phrase(const std::vector<Word>& words, const std::string& addition) {
        if (addition.empty() && !isForbiddenOutsideComments(words)) {
            for (const Word& word : words) {
                if (word.kind != Word::Comment) _writer.word(word.blanks, word.text);
            }
            return;
        }
        std::string text = decodeEncodedWords(plainText(words));
        if (!text.empty() && !addition.empty()) text += ' ';
        text += addition;
        _writer.encoded(" ", text);
    }

    void comments(const std::vector<Word>& words) {
        for (const Word& word : words) {
            if (word.kind != Word::Comment) continue;
            Word comment = word;
            if (comment.blanks.empty()) comment.blanks = " ";
            if (comment.isForbidden()) {
                writeComment(comment, _writer);
            } else {
                _writer.word(comment.blanks, comment.text);
            }
        }
    }

    // address: with its angle brackets.
    void phraseAndAddress(const std::vector<Word>& name, const std::vector<Word>& address) {
        if (isForbiddenOutsideComments(address)) {
            const std::string text = plainText(address);
            phrase(name, plainText(name).empty() ? std::string(withoutAngle(text)) : text);
            _writer.word(" ", unreachable);
        } else {
            phrase(name, {});
            for (std::size_t i = 0; i < address.size(); ++i) {
                if (address[i].kind != Word::Comment) _writer.word(i == 0 ? " " : address[i].blanks, address[i].text);
            }
        }
        comments(name);
        comments(address);
    }

    void bareAddress(const std::vector<Word>& words) {
        if (isForbiddenOutsideComments(words)) {
            _writer.encoded(" ", plainText(words));
            _writer.word(" ", unreachable);
        } else {
            for (const Word& word : words) {
                if (word.kind != Word::Comment) _writer.word(word.blanks, word.text);
            }
        }
        comments(words);
    }

    static std::string_view withoutAngle(std::string_view text) {
        if (text.starts_with('<')) text.remove_prefix(1);
        if (text.ends_with('>')) text.remove_suffix(1);
        return text;
    }

    static constexpr std::string_view unreachable = "<invalid@internationalized-address.invalid>";

    FieldWriter _writer;
    std::string_view _text;
    std::size_t _at = 0;
    bool _isInAngle = false;
    std::vector<Word> _words;  // of the element at hand
};

}  // namespace

std::string addressField(std::string_view name, std::string_view utf8) {
    return AddressRewriter(name, utf8).rewrite();
}

}  // namespace maildir
