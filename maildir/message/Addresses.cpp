#include <algorithm>

#include "maildir/message/Ascii.h"
#include "maildir/message/Header.h"

// Address lists of RFC 5322 3.4 and 4.4 as they are met. What is no address becomes the nearest thing that ENVELOPE
// can show: a single word is a mailbox without host, several words are a name without mailbox.

namespace maildir {

namespace {

// More than a message for people has; past it the list ends. Bounds memory.
constexpr std::size_t maxAddresses = 20000;

constexpr std::string_view specials = "<>@,;:";

class AddressReader {
public:
    explicit AddressReader(std::string_view text) : _text(text) {}

    std::vector<Address> read() {
        while (_addresses.size() < maxAddresses) {
            _comment.clear();
            std::string phrase = words();
            if (_at >= _text.size()) {
                finishAddress(std::move(phrase));
                break;
            }
            takeSpecial(std::move(phrase));
        }
        if (_inGroup) endGroup();
        return std::move(_addresses);
    }

private:
    void takeSpecial(std::string phrase) {
        switch (_text[_at]) {
            case '<':
                ++_at;
                angleAddress(std::move(phrase));
                break;
            case '@':
                ++_at;
                hostAddress(std::move(phrase));
                break;
            case ':':
                ++_at;
                if (_inGroup) break;  // a group in a group is none (RFC 5322 3.4): its name is skipped
                _inGroup = true;
                _addresses.push_back(Address{{}, {}, std::move(phrase), {}});
                break;
            case ';':
                ++_at;
                finishAddress(std::move(phrase));
                if (_inGroup) endGroup();
                break;
            default:  // ',' and a stray '>'
                ++_at;
                finishAddress(std::move(phrase));
        }
    }

    // Words up to a special, quoting removed; white space between them is one space, none at a dot without space.
    std::string words() {
        std::string found;
        _wordCount = 0;
        bool wasSpace = false;
        while (_at < _text.size() && specials.find(_text[_at]) == std::string_view::npos) {
            const char c = _text[_at];
            if (ascii::isSpace(c)) {
                wasSpace = true;
                ++_at;
                continue;
            }
            if (c == '(') {
                comment();
                wasSpace = true;
                continue;
            }
            if (wasSpace && !found.empty()) found += ' ';
            if (wasSpace || _wordCount == 0) ++_wordCount;
            wasSpace = false;
            word(found);
        }
        return found;
    }

    void word(std::string& found) {
        if (_text[_at] == '"') {
            quoted(found, '"');
        } else if (_text[_at] == '[') {  // a domain literal; a list mark such as [Team] in a name
            found += '[';
            quoted(found, ']');
            found += ']';
        } else {
            while (_at < _text.size() && !ascii::isSpace(_text[_at]) &&
                   std::string_view("<>@,;:(\"[").find(_text[_at]) == std::string_view::npos) {
                found += _text[_at++];
            }
        }
    }

    void quoted(std::string& found, char end) {
        for (++_at; _at < _text.size() && _text[_at] != end; ++_at) {
            if (_text[_at] == '\\' && _at + 1 < _text.size()) ++_at;
            found += _text[_at];
        }
        if (_at < _text.size()) ++_at;
    }

    void comment() {
        const std::size_t start = _at + 1;
        _at = ascii::afterComment(_text, _at);
        std::string_view inside = _text.substr(start, _at - start);
        if (inside.ends_with(')')) inside.remove_suffix(1);
        _comment.clear();
        for (std::size_t i = 0; i < inside.size(); ++i) {
            if (inside[i] == '\\' && i + 1 < inside.size()) ++i;
            _comment += inside[i];
        }
    }

    // Local part and domain: white space is only allowed around dots (RFC 5322 4.4), and dropped.
    static std::string withoutSpaces(std::string_view text) {
        std::string found;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool isAtDot =
                text[i] == ' ' && ((i + 1 < text.size() && text[i + 1] == '.') || (i > 0 && text[i - 1] == '.'));
            if (!isAtDot) found += text[i];
        }
        return found;
    }

    // After the '<'.
    void angleAddress(std::string name) {
        std::optional<std::string> route;
        std::string mailbox = words();
        std::string host;
        if (mailbox.empty() && (isAt('@') || isAt(','))) {
            std::string hops = sourceRoute();
            if (isAt(':')) {
                ++_at;
                route = std::move(hops);
                mailbox = words();
            } else {
                host = hops.substr(1);
            }
        }
        if (isAt('@')) {
            ++_at;
            host = words();
        }
        while (_at < _text.size() && !isAt('>') && !isAt(',') && !isAt(';')) {
            ++_at;
            words();
        }
        if (isAt('>')) skipAfterAngle();
        if (isAt(',')) ++_at;
        add(name.empty() ? _comment : name, std::move(route), withoutSpaces(mailbox), firstWord(host));
    }

    // "@a,@b" of "<@a,@b:mailbox@host>" (RFC 5322 4.4).
    std::string sourceRoute() {
        std::string hops;
        while (isAt('@') || isAt(',')) {
            hops += _text[_at++];
            hops += withoutSpaces(words());
        }
        return hops;
    }

    // What stands between '>' and the comma is dropped, unless another address starts there without one.
    void skipAfterAngle() {
        const std::size_t start = ++_at;
        words();
        if (_at < _text.size() && !isAt(',') && !isAt(';')) _at = start;
    }

    // After the '@' of an address without angle brackets.
    void hostAddress(std::string local) {
        while (true) {
            std::string host = words();
            if (isAt('<')) {  // "a@example.org <a@example.org>": a name that should have been quoted
                ++_at;
                angleAddress(local + '@' + host);
                return;
            }
            const bool isNextNear = isAt('@') && _addresses.size() < maxAddresses;  // "a@x b@y": a comma is missing
            std::string nextLocal;
            if (isNextNear) {
                const std::size_t space = host.rfind(' ');
                nextLocal = space == std::string::npos ? std::string() : host.substr(space + 1);
            }
            add(_comment, {}, withoutSpaces(local), firstWord(host));
            if (!isNextNear) break;
            ++_at;
            local = std::move(nextLocal);
        }
        if (isAt(',')) ++_at;
    }

    [[nodiscard]] bool isAt(char c) const { return _at < _text.size() && _text[_at] == c; }

    static std::string firstWord(std::string_view text) {
        std::string joined = withoutSpaces(text);
        joined.resize(std::min(joined.find(' '), joined.size()));
        return joined;
    }

    // Words that no '@' or '<' followed.
    void finishAddress(std::string phrase) {
        if (phrase.empty()) return;
        if (_wordCount > 1) {
            add(phrase, {}, std::string(), std::string());
        } else {
            add(_comment, {}, std::move(phrase), std::string());
        }
    }

    void add(const std::string& name, std::optional<std::string> route, std::string mailbox, std::string host) {
        Address address;
        if (!name.empty()) address.name = name;
        address.route = std::move(route);
        address.mailbox = std::move(mailbox);
        address.host = std::move(host);
        _addresses.push_back(std::move(address));
        _comment.clear();
    }

    void endGroup() {
        _addresses.emplace_back();
        _inGroup = false;
    }

    std::string_view _text;
    std::size_t _at = 0;
    std::string _comment;  // the last one seen for the address at hand
    std::size_t _wordCount = 0;
    bool _inGroup = false;
    std::vector<Address> _addresses;
};

}  // namespace

std::vector<Address> parseAddresses(std::string_view value) {
    return AddressReader(value).read();
}

}  // namespace maildir
