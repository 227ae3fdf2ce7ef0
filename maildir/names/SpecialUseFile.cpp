#include "maildir/names/SpecialUseFile.h"

#include <algorithm>

#include "maildir/DotLock.h"
#include "maildir/FileOps.h"

namespace maildir {

namespace {

constexpr std::uint64_t maxFileOctets = 1 << 20;
constexpr int lockTimeoutMs = 30'000;

bool isInferiorOrSame(const MailboxName& name, const MailboxName& of) {
    return name.levels.size() >= of.levels.size() &&
           std::equal(of.levels.begin(), of.levels.end(), name.levels.begin());
}

bool isAttribute(std::string_view text) {
    const auto isNameChar = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-'; };
    return text.size() > 1 && text.front() == '\\' && std::all_of(text.begin() + 1, text.end(), isNameChar);
}

// INBOX, whose directory is the root, is nobody's special mailbox.
std::optional<SpecialUseList::Assignment> assignmentOf(std::string_view line, const NameMapper& mapper) {
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos || tab + 1 == line.size() || !isAttribute(line.substr(0, tab))) return {};
    auto name = mapper.nameOf(line.substr(tab + 1));
    if (!name || name->isInbox()) return {};
    return std::make_pair(std::string(line.substr(0, tab)), std::move(*name));
}

}  // namespace

SpecialUseList SpecialUseList::parse(std::string_view text, const NameMapper& mapper) {
    SpecialUseList list;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        list._lines.push_back({std::string(line), assignmentOf(line, mapper)});
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return list;
}

std::vector<SpecialUseList::Assignment> SpecialUseList::assignments() const {
    std::vector<Assignment> assignments;
    for (const Line& line : _lines) {
        if (line.assignment) assignments.push_back(*line.assignment);
    }
    return assignments;
}

void SpecialUseList::add(const std::string& attribute, const MailboxName& name, const NameMapper& mapper) {
    Line line{attribute + '\t' + mapper.directoryOf(name), Assignment(attribute, name)};
    if (line.text.find('\n') != std::string::npos || assignmentOf(line.text, mapper) != line.assignment) {
        throw Error(ErrorKind::InvalidName, "this name cannot have a special use");
    }
    const auto isThere = [&line](const Line& other) { return other.assignment == line.assignment; };
    if (std::none_of(_lines.begin(), _lines.end(), isThere)) _lines.push_back(std::move(line));
}

bool SpecialUseList::remove(const MailboxName& name) {
    return std::erase_if(_lines, [&](const Line& line) { return line.assignment && line.assignment->second == name; }) >
           0;
}

bool SpecialUseList::removeAttribute(const std::string& attribute) {
    return std::erase_if(_lines,
                         [&](const Line& line) { return line.assignment && line.assignment->first == attribute; }) > 0;
}

bool SpecialUseList::addRenamed(const MailboxName& from, const MailboxName& to, const NameMapper& mapper) {
    bool isChanged = false;
    for (const auto& [attribute, name] : assignments()) {
        if (!isInferiorOrSame(name, from)) continue;
        MailboxName renamed = to;
        renamed.levels.insert(renamed.levels.end(),
                              name.levels.begin() + static_cast<std::ptrdiff_t>(from.levels.size()), name.levels.end());
        add(attribute, renamed, mapper);
        isChanged = true;
    }
    return isChanged;
}

bool SpecialUseList::removeTree(const MailboxName& from) {
    return std::erase_if(_lines, [&](const Line& line) {
               return line.assignment && isInferiorOrSame(line.assignment->second, from);
           }) > 0;
}

std::string SpecialUseList::text() const {
    std::string text;
    for (const Line& line : _lines) text += line.text + '\n';
    return text;
}

SpecialUseFile::SpecialUseFile(const std::string& root, std::shared_ptr<const NameMapper> mapper)
    : _path(root + "/maildock-special-use"), _mapper(std::move(mapper)) {}

std::vector<SpecialUseFile::Assignment> SpecialUseFile::load() const {
    const auto text = readFile(_path, maxFileOctets);
    return text ? SpecialUseList::parse(*text, *_mapper).assignments() : std::vector<Assignment>();
}

void SpecialUseFile::assign(const std::vector<std::string>& attributes, const MailboxName& name,
                            const std::function<bool(const MailboxName&)>& exists) const {
    change([&](SpecialUseList& list) {
        for (const auto& [attribute, holder] : list.assignments()) {
            const bool isWanted = std::find(attributes.begin(), attributes.end(), attribute) != attributes.end();
            if (isWanted && holder != name && exists(holder)) {
                throw Error(ErrorKind::AlreadyExists, "another mailbox has the special use " + attribute, _path);
            }
        }
        // A line of the name itself, and one of a mailbox that is no more, is of the past.
        list.remove(name);
        for (const std::string& attribute : attributes) {
            list.removeAttribute(attribute);
            list.add(attribute, name, *_mapper);
        }
        return true;
    });
}

void SpecialUseFile::remove(const MailboxName& name) const {
    change([&name](SpecialUseList& list) { return list.remove(name); });
}

void SpecialUseFile::beginRename(const MailboxName& from, const MailboxName& to) const {
    change([&](SpecialUseList& list) { return list.addRenamed(from, to, *_mapper); });
}

void SpecialUseFile::endRename(const MailboxName& gone) const {
    change([&gone](SpecialUseList& list) { return list.removeTree(gone); });
}

// Most trees have no such file, and most changes do not concern it: then nothing is locked or written.
void SpecialUseFile::change(const std::function<bool(SpecialUseList&)>& edit) const {
    const auto read = [this] { return SpecialUseList::parse(readFile(_path, maxFileOctets).value_or(""), *_mapper); };
    SpecialUseList before = read();
    if (!edit(before)) return;
    DotLock lock(_path + ".lock", lockTimeoutMs);
    SpecialUseList list = read();
    if (edit(list)) replaceFile(lock, _path, list.text());
}

}  // namespace maildir
