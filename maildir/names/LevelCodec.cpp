#include "maildir/names/LevelCodec.h"

#include <algorithm>
#include <array>

#include "maildir/Error.h"
#include "maildir/names/Unicode.h"

namespace maildir {

namespace {

constexpr std::string_view rawMarker = "=raw=";
constexpr std::size_t maxComponentOctets = 255;  // NAME_MAX

bool isControl(char octet) {
    return static_cast<unsigned char>(octet) < 0x20;
}

std::optional<unsigned> digitOf(char octet, unsigned base) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto value = digits.substr(0, base).find(octet);
    if (value == std::string_view::npos) return std::nullopt;
    return static_cast<unsigned>(value);
}

// Replaces `mark` and `count` digits behind it by the octet they give; nothing where digits are missing.
std::optional<std::string> unescape(std::string_view text, char mark, unsigned base, std::size_t count) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != mark) {
            plain += text[i];
            continue;
        }
        if (text.size() - i <= count) return std::nullopt;
        unsigned value = 0;
        for (std::size_t digit = 1; digit <= count; ++digit) {
            const auto part = digitOf(text[i + digit], base);
            if (!part) return std::nullopt;
            value = value * base + *part;
        }
        if (value == 0 || value > 0xFF) return std::nullopt;
        plain += static_cast<char>(static_cast<unsigned char>(value));
        i += count;
    }
    return plain;
}

void appendHex(std::string& text, char octet, std::string_view digits) {
    text += digits[static_cast<unsigned char>(octet) >> 4];
    text += digits[static_cast<unsigned char>(octet) & 15];
}

// Stands for itself in a raw level: printable, no hierarchy delimiter, nothing that LIST or an encoding gives a
// meaning.
bool isPlainInRaw(char octet) {
    return octet >= ' ' && octet <= '~' && std::string_view("=./\\~:&%*\"").find(octet) == std::string_view::npos;
}

// What clients take for INBOX, which is another directory.
bool meansInbox(std::string_view level, LevelPlace place) {
    if (place == LevelPlace::Inner || !isSpelledInbox(level)) return false;
    return place == LevelPlace::Alone || level != "INBOX";
}

std::string rawLevel(std::string_view component) {
    std::string level(rawMarker);
    for (const char octet : component) {
        if (isPlainInRaw(octet)) {
            level += octet;
        } else {
            level += '=';
            appendHex(level, octet, "0123456789ABCDEF");
        }
    }
    return level;
}

// The component that rawLevel() wrote this level for; nothing if it wrote no such level.
std::optional<std::string> componentInRaw(std::string_view level) {
    if (!level.starts_with(rawMarker)) return std::nullopt;
    std::string lower(level.substr(rawMarker.size()));
    for (std::size_t i = 0; i < lower.size(); ++i) {
        if (lower[i] != '=') continue;
        for (std::size_t digit = i + 1; digit < std::min(i + 3, lower.size()); ++digit) {
            if (lower[digit] >= 'A' && lower[digit] <= 'F')
                lower[digit] = static_cast<char>(lower[digit] + ('a' - 'A'));
        }
        i += 2;
    }
    auto component = unescape(lower, '=', 16, 2);
    if (!component || rawLevel(*component) != level) return std::nullopt;
    return component;
}

// Layout fs: what stands beside the mailboxes in a mailbox's directory and is none.
bool isReservedInFs(std::string_view component) {
    constexpr std::array<std::string_view, 8> names{"cur", "new",         "tmp",           ".",
                                                    "..",  "maildirsize", "maildirfolder", "subscriptions"};
    constexpr std::array<std::string_view, 11> prefixes{"dovecot-uidlist", "dovecot-uidvalidity", "dovecot-keywords",
                                                        "dovecot-acl",     "dovecot.index",       "dovecot.list.index",
                                                        "dovecot.mailbox", "courierimap",         "maildock-",
                                                        "subscriptions.",  "..DOVECOT-TRASHED"};
    return std::find(names.begin(), names.end(), component) != names.end() ||
           std::any_of(prefixes.begin(), prefixes.end(),
                       [component](std::string_view prefix) { return component.starts_with(prefix); });
}

}  // namespace

bool isSpelledInbox(std::string_view level) {
    constexpr std::string_view inbox = "INBOX";
    return level.size() == inbox.size() && std::equal(level.begin(), level.end(), inbox.begin(), [](char a, char b) {
               return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
           });
}

LevelCodec::LevelCodec(Layout layout, NameEncoding encoding, char escapeCharacter)
    : _layout(layout), _encoding(encoding), _escapeCharacter(escapeCharacter) {
    const bool isAlphanumeric = (escapeCharacter >= '0' && escapeCharacter <= '9') ||
                                (escapeCharacter >= 'A' && escapeCharacter <= 'Z') ||
                                (escapeCharacter >= 'a' && escapeCharacter <= 'z');
    const bool isPunctuation = escapeCharacter > ' ' && escapeCharacter <= '~' && !isAlphanumeric &&
                               std::string_view("&./-,").find(escapeCharacter) == std::string_view::npos;
    if (escapeCharacter != 0 && !isPunctuation) {
        throw Error(ErrorKind::InvalidName, "this cannot be the escape character of mailbox names");
    }
}

bool LevelCodec::usesUtf7() const {
    return _encoding == NameEncoding::ModifiedUtf7 || _encoding == NameEncoding::DovecotUtf7;
}

// Characters that must not stand for themselves in a component.
bool LevelCodec::isSpecial(std::string_view level, std::size_t position) const {
    const char octet = level[position];
    if (octet == '/' || isControl(octet)) return true;
    if (_layout == Layout::MaildirPlusPlus && octet == '.') return true;
    if (_layout == Layout::Fs && position == 0 && (octet == '.' || isReservedInFs(level))) return true;
    if (_escapeCharacter != 0) return octet == _escapeCharacter || (octet == '~' && position == 0);
    switch (_encoding) {
        case NameEncoding::ModifiedUtf7:
            return _layout == Layout::MaildirPlusPlus && (octet == '~' || octet == ':');
        case NameEncoding::CourierUtf8:
            return octet == '~' || octet == ':' || octet == '\\';
        default:
            return false;
    }
}

std::optional<std::string> LevelCodec::encode(std::string_view level) const {
    if (level.empty() || level.find('\0') != std::string_view::npos || !isValidUtf8(level)) return std::nullopt;
    if (usesUtf7() && _escapeCharacter == 0) {
        return encodeModifiedUtf7(level, [this, level](std::size_t position) { return isSpecial(level, position); });
    }
    std::string component;
    for (std::size_t i = 0; i < level.size(); ++i) {
        const char octet = level[i];
        if (!isSpecial(level, i) || (usesUtf7() && isControl(octet))) {
            component += octet;
        } else if (_escapeCharacter != 0) {
            component += _escapeCharacter;
            appendHex(component, octet, "0123456789abcdef");
        } else if (_encoding == NameEncoding::CourierUtf8) {
            const auto value = static_cast<unsigned char>(octet);
            component += '\\';
            component += static_cast<char>('0' + (value >> 6));
            component += static_cast<char>('0' + (value >> 3 & 7));
            component += static_cast<char>('0' + (value & 7));
        } else {
            return std::nullopt;  // plain UTF-8 has no way to write it
        }
    }
    return usesUtf7() ? utf8ToModifiedUtf7(component) : component;
}

std::optional<std::string> LevelCodec::decode(std::string_view component) const {
    auto level = usesUtf7() ? modifiedUtf7ToUtf8(component) : std::optional<std::string>(component);
    if (!level) return std::nullopt;
    if (_escapeCharacter != 0) return unescape(*level, _escapeCharacter, 16, 2);
    if (_encoding == NameEncoding::CourierUtf8) return unescape(*level, '\\', 8, 3);
    return level;
}

// The usual case, told without being decoded and encoded again: no octet of it has a meaning in any encoding.
bool LevelCodec::standsForItself(std::string_view component) const {
    const auto isPlain = [this](char octet) {
        return octet >= ' ' && octet < '~' && octet != '/' && octet != '.' && octet != ':' && octet != '\\' &&
               octet != '&' && octet != _escapeCharacter;
    };
    return !component.empty() && std::all_of(component.begin(), component.end(), isPlain) &&
           !(_layout == Layout::Fs && isReservedInFs(component));
}

std::optional<std::string> LevelCodec::decodeCanonical(std::string_view component) const {
    if (standsForItself(component)) return std::string(component);
    auto level = decode(component);
    if (!level || encode(*level) != component) return std::nullopt;
    return level;
}

bool LevelCodec::canBeComponent(std::string_view component) const {
    if (component.size() > maxComponentOctets ||
        component.find_first_of(std::string_view("/\0", 2)) != component.npos) {
        return false;
    }
    if (_layout == Layout::Fs) return !component.empty() && !isReservedInFs(component);
    return component.find('.') == std::string_view::npos;
}

// The level that the component is shown as, unless that is a raw one.
std::optional<std::string> LevelCodec::ordinaryLevel(std::string_view component, LevelPlace place) const {
    auto level = decodeCanonical(component);
    if (!level || meansInbox(*level, place)) return std::nullopt;
    // Ends: what a raw level stands for is shorter than the component that encodes this level.
    if (shownRaw(*level, place)) return std::nullopt;
    return level;
}

// The component that has to be shown as this raw level; nothing if the level is an ordinary one.
std::optional<std::string> LevelCodec::shownRaw(std::string_view level, LevelPlace place) const {
    auto component = componentInRaw(level);
    if (!component || !canBeComponent(*component) || ordinaryLevel(*component, place)) return std::nullopt;
    return component;
}

std::optional<std::string> LevelCodec::componentOf(std::string_view level, LevelPlace place) const {
    if (auto component = shownRaw(level, place)) return component;
    return encode(level);
}

std::string LevelCodec::levelOf(std::string_view component, LevelPlace place) const {
    auto level = ordinaryLevel(component, place);
    return level ? std::move(*level) : rawLevel(component);
}

}  // namespace maildir
