#include "maildir/names/Subscriptions.h"

#include <algorithm>
#include <utility>

#include "maildir/DotLock.h"
#include "maildir/FileOps.h"
#include "maildir/names/LevelCodec.h"

namespace maildir {

namespace {

constexpr std::uint64_t maxFileOctets = 16 << 20;
constexpr int lockTimeoutMs = 30'000;

// Calls back with each line, without its LF.
template <class Use>
void forEachLine(std::string_view text, const Use& use) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        use(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

// One octet for "\1x"; what is no such pair stands for itself.
std::string unescapeTabs(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        constexpr std::string_view marks = "01tnr";
        constexpr std::string_view meanings("\0\1\t\n\r", 5);
        const auto mark = text[i] == '\1' && i + 1 < text.size() ? marks.find(text[i + 1]) : std::string_view::npos;
        if (mark == std::string_view::npos) {
            plain += text[i];
        } else {
            plain += meanings[mark];
            ++i;
        }
    }
    return plain;
}

void appendTabEscaped(std::string& line, std::string_view component) {
    for (const char octet : component) {
        switch (octet) {
            case '\1':
                line +=
                    "\1"
                    "1";
                break;
            case '\t':
                line += "\1t";
                break;
            case '\n':
                line += "\1n";
                break;
            case '\r':
                line += "\1r";
                break;
            default:
                line += octet;
        }
    }
}

// The name of what a subscription calls `name` (components with the layout's separator).
std::optional<MailboxName> nameOfEntry(const std::string& name, const NameMapper& mapper) {
    if (name.empty()) return std::nullopt;
    if (isSpelledInbox(name)) return MailboxName::inbox();
    const bool isMaildirPlusPlus = mapper.layout() == Layout::MaildirPlusPlus;
    const char separator = isMaildirPlusPlus ? '.' : '/';
    // An empty component is no damaged directory's name here, but a damaged line.
    const bool hasEmpty = name.front() == separator || name.back() == separator ||
                          name.find(std::string(2, separator)) != std::string::npos;
    if (hasEmpty) return std::nullopt;
    return mapper.nameOf(isMaildirPlusPlus ? '.' + name : name);
}

std::optional<MailboxName> nameOfLine(std::string_view line, bool isVersion2, const NameMapper& mapper) {
    if (!isVersion2) return nameOfEntry(std::string(line), mapper);
    const char separator = mapper.layout() == Layout::MaildirPlusPlus ? '.' : '/';
    std::string name;
    for (bool isFirst = true;; isFirst = false) {
        const auto end = line.find('\t');
        if (!isFirst) name += separator;
        name += unescapeTabs(line.substr(0, end));
        if (end == std::string_view::npos) break;
        line.remove_prefix(end + 1);
    }
    return nameOfEntry(name, mapper);
}

}  // namespace

SubscriptionList SubscriptionList::parse(std::string_view text, const NameMapper& mapper) {
    SubscriptionList list;
    list._header.clear();
    list._lines.clear();
    if (text.starts_with("V\t")) {
        const std::string_view header = text.substr(0, text.find('\n'));
        list._isKnown = header == "V\t2";
        list._header = std::string(header) + '\n';
        text.remove_prefix(std::min(text.size(), list._header.size()));
    }
    const bool isVersion2 = !list._header.empty();
    forEachLine(text, [&](std::string_view line) {
        list._lines.push_back({std::string(line), nameOfLine(line, isVersion2, mapper)});
    });
    if (isVersion2 && list._lines.empty()) list._lines.emplace_back();
    return list;
}

std::set<MailboxName> SubscriptionList::names() const {
    std::set<MailboxName> names;
    for (const Line& line : _lines) {
        if (line.name) names.insert(*line.name);
    }
    return names;
}

std::string SubscriptionList::lineOf(const MailboxName& name, const NameMapper& mapper) const {
    std::string directory = mapper.directoryOf(name);
    if (directory.empty()) return "INBOX";
    const bool isMaildirPlusPlus = mapper.layout() == Layout::MaildirPlusPlus;
    if (isMaildirPlusPlus) directory.erase(0, 1);
    if (_header.empty()) return directory;

    std::string line;
    for (std::size_t begin = 0;;) {
        const auto end = directory.find(isMaildirPlusPlus ? '.' : '/', begin);
        appendTabEscaped(line, std::string_view(directory).substr(begin, end - begin));
        if (end == std::string::npos) return line;
        line += '\t';
        begin = end + 1;
    }
}

void SubscriptionList::requireKnown() const {
    if (!_isKnown) throw Error(ErrorKind::Corrupt, "subscriptions of a version that we do not know are not changed");
}

bool SubscriptionList::add(const MailboxName& name, const NameMapper& mapper) {
    requireKnown();
    Line line{lineOf(name, mapper), name};
    const bool isThere =
        std::any_of(_lines.begin(), _lines.end(), [&name](const Line& other) { return other.name == name; });
    if (isThere) return false;
    // A directory called INBOX in some case, beside the real one, has no line of its own; nor has one with a LF.
    if (nameOfLine(line.text, !_header.empty(), mapper) != name || line.text.find('\n') != std::string::npos) {
        throw Error(ErrorKind::InvalidName, "this name cannot be subscribed to");
    }
    _lines.push_back(std::move(line));
    return true;
}

bool SubscriptionList::remove(const MailboxName& name) {
    requireKnown();
    return std::erase_if(_lines, [&name](const Line& line) { return line.name == name; }) > 0;
}

std::string SubscriptionList::text() const {
    std::string text = _header;
    for (const Line& line : _lines) text += line.text + '\n';
    return text;
}

std::set<MailboxName> parseCourierSubscriptions(std::string_view text, const NameMapper& mapper) {
    std::set<MailboxName> names;
    forEachLine(text, [&](std::string_view line) {
        constexpr std::size_t inboxOctets = 5;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!isSpelledInbox(line.substr(0, inboxOctets))) return;
        const std::string_view rest = line.substr(inboxOctets);
        if (rest.empty()) {
            names.insert(MailboxName::inbox());
        } else if (rest.starts_with('.')) {
            std::string entry(rest.substr(1));
            if (mapper.layout() == Layout::Fs) std::replace(entry.begin(), entry.end(), '.', '/');
            if (auto name = nameOfEntry(entry, mapper)) names.insert(std::move(*name));
        }
    });
    return names;
}

SubscriptionFile::SubscriptionFile(const std::string& root, std::shared_ptr<const NameMapper> mapper)
    : _path(root + "/subscriptions"), _courierPath(root + "/courierimapsubscribed"), _mapper(std::move(mapper)) {}

SubscriptionList SubscriptionFile::read(bool& isThere) const {
    const auto text = readFile(_path, maxFileOctets);
    isThere = text.has_value();
    if (text) return SubscriptionList::parse(*text, *_mapper);
    SubscriptionList list;
    if (const auto courier = readFile(_courierPath, maxFileOctets)) {
        for (const MailboxName& name : parseCourierSubscriptions(*courier, *_mapper)) {
            try {
                list.add(name, *_mapper);
            } catch (const Error&) {
                // A name that our file has no line for is not worth losing the others.
            }
        }
    }
    return list;
}

std::set<MailboxName> SubscriptionFile::load() const {
    bool isThere = false;
    const SubscriptionList list = read(isThere);
    if (isThere || list.names().empty()) return list.names();
    try {
        DotLock lock(_path + ".lock", lockTimeoutMs);
        const SubscriptionList current = read(isThere);
        if (!isThere) replaceFile(lock, _path, current.text());
        return current.names();
    } catch (const Error&) {
        return list.names();  // a tree that cannot be written to can still be read
    }
}

void SubscriptionFile::add(const MailboxName& name) const {
    DotLock lock(_path + ".lock", lockTimeoutMs);
    bool isThere = false;
    SubscriptionList list = read(isThere);
    if (list.add(name, *_mapper) || !isThere) replaceFile(lock, _path, list.text());
}

void SubscriptionFile::remove(const MailboxName& name) const {
    DotLock lock(_path + ".lock", lockTimeoutMs);
    bool isThere = false;
    SubscriptionList list = read(isThere);
    if (list.remove(name)) replaceFile(lock, _path, list.text());
}

}  // namespace maildir
