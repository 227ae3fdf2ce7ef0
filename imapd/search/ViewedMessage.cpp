#include "imapd/search/ViewedMessage.h"

#include <algorithm>
#include <cstring>

#include "imapd/session/Session.h"
#include "imapd/session/SizeOf.h"
#include "maildir/UnreadableFile.h"
#include "maildir/message/FieldText.h"
#include "maildir/message/Header.h"

namespace imapd {

namespace {

bool isNamed(std::string_view name, const std::string& upper) {
    return std::equal(name.begin(), name.end(), upper.begin(), upper.end(),
                      [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; });
}

// A text of a field holds no line end, so that lines can keep several apart.
std::string joined(const std::vector<std::string>& values) {
    std::string lines;
    for (const std::string& value : values) {
        lines += value;
        lines += '\n';
    }
    return lines;
}

std::vector<std::string> split(std::string_view lines) {
    std::vector<std::string> values;
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', at), lines.size());
        values.emplace_back(lines.substr(at, end - at));
        at = end + 1;
    }
    return values;
}

std::string foldedLines(const std::vector<std::string>& texts) {
    std::string folded;
    for (const std::string& text : texts) {
        maildir::foldFieldText(text, folded);
        folded += '\n';
    }
    return folded;
}

// A number as a value of a column.
std::string octetsOf(std::int64_t number) {
    std::string octets(sizeof number, '\0');
    std::memcpy(octets.data(), &number, sizeof number);
    return octets;
}

std::int64_t numberIn(std::string_view octets) {
    std::int64_t number = 0;
    std::memcpy(&number, octets.data(), sizeof number);
    return number;
}

}  // namespace

ViewedMessage::ViewedMessage(Session& session, const maildir::RecordRef& record, const maildir::KeywordTable& keywords,
                             SearchColumns& columns)
    : _session(&session), _record(record), _keywords(&keywords), _columns(&columns) {}

template <class Value, class Look>
Value ViewedMessage::readable(Value nothing, Look&& look) {
    try {
        return look();
    } catch (const maildir::Error& error) {
        if (!maildir::isOfOneMessage(error)) throw;
        _session->noteUnreadable(error);
        return nothing;
    }
}

MessageContent& ViewedMessage::content() {
    if (!_content) _content.emplace(_session->view().mailbox(), _record->uid);
    return *_content;
}

bool ViewedMessage::hasKeyword(std::string_view name) const {
    if (!_session->policy().keywords.shows(name)) return false;
    const std::optional<std::size_t> index = _keywords->indexOf(name);
    return index && _record->keywords.test(*index);
}

bool ViewedMessage::isRecent() const {
    return _session->view().isRecent(_record->uid);
}

std::int64_t ViewedMessage::internalDate() {
    const std::string_view octets = _columns->value("internaldate", _record->uid, [this] {
        return octetsOf(_session->view().mailbox().internalDate(_record->uid));
    });
    return numberIn(octets);
}

std::uint64_t ViewedMessage::octets() {
    return countedOctets(*_session, _session->view().mailbox(), _record);
}

std::string_view ViewedMessage::foldedHeader(const std::string& name) {
    return readable(std::string_view(),
                    [&] { return _columns->value(name, _record->uid, [&] { return foldedLines(fieldTexts(name)); }); });
}

std::string_view ViewedMessage::foldedAddresses(const std::string& name) {
    return readable(std::string_view(), [&] {
        return _columns->value("addresses " + name, _record->uid, [&] {
            return foldedLines(headerTexts("addresses1 ", name, [](std::string_view rawValue, Texts& texts) {
                for (std::string& text : maildir::addressTexts(rawValue)) texts.push_back(std::move(text));
            }));
        });
    });
}

std::optional<std::int64_t> ViewedMessage::sentDay() {
    const auto octets = readable(std::string_view(), [this] {
        return _columns->value("sent day", _record->uid, [this] {
            const std::vector<std::string> values = fieldTexts("DATE");
            const auto day = values.empty() ? std::nullopt : sentDayOf(values.front());
            return day ? octetsOf(*day) : std::string();
        });
    });
    if (octets.empty()) return std::nullopt;
    return numberIn(octets);
}

ViewedMessage::Texts ViewedMessage::fieldTexts(const std::string& name) {
    return headerTexts("values2 ", name,
                       [](std::string_view rawValue, Texts& texts) { texts.push_back(maildir::fieldText(rawValue)); });
}

ViewedMessage::Texts ViewedMessage::headerTexts(const char* kind, const std::string& name,
                                                void (*read)(std::string_view rawValue, Texts& texts)) {
    constexpr std::size_t maxKeyOctets = 128;
    const std::string key = kind + name;
    const bool isKept = key.size() <= maxKeyOctets;
    if (isKept) {
        if (const std::shared_ptr<const std::string> known = content().derived(key)) return split(*known);
    }
    Texts texts;
    for (const maildir::HeaderField& field : maildir::headerFields(content().header())) {
        if (isNamed(field.name, name)) read(field.value, texts);
    }
    if (isKept) content().storeDerived(key, joined(texts));
    return texts;
}

std::vector<bool> ViewedMessage::textHas(const std::vector<const maildir::SearchPattern*>& patterns, bool withHeaders) {
    if (_found != nullptr) return _texts->answers(*_found, patterns, withHeaders);
    return maildir::searchMessage(content().file(), content().structure(), patterns, withHeaders);
}

}  // namespace imapd
