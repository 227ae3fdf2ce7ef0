#include "maildir/names/Keywords.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "maildir/FileOps.h"

namespace maildir {

namespace {

constexpr std::uint64_t maxFileOctets = 1 << 20;
constexpr int lockTimeoutMs = 30'000;

char lowerAscii(char octet) {
    return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet - 'A' + 'a') : octet;
}

std::string lowerAscii(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char octet) { return lowerAscii(octet); });
    return lower;
}

bool isSameFile(const struct stat& a, const struct stat& b) {
    return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// The text with a line for each new keyword behind it.
std::string withLines(std::string text, const std::vector<std::pair<std::size_t, std::string>>& lines) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    for (const auto& [index, name] : lines) text += std::to_string(index) + ' ' + name + '\n';
    return text;
}

}  // namespace

bool isKeywordName(std::string_view name) {
    // RFC 3501 section 9: flag-keyword is an atom; of 7-bit characters but CTL, SP, list-wildcards and the specials.
    const auto isAtomChar = [](char octet) {
        return octet > ' ' && octet < 127 && std::string_view("(){%*\"\\]").find(octet) == std::string_view::npos;
    };
    return !name.empty() && name.size() <= maxKeywordOctets && std::all_of(name.begin(), name.end(), isAtomChar);
}

KeywordTable::KeywordTable(const std::vector<std::string>& names) {
    for (const std::string& name : names) _slots.push_back({name, !name.empty()});
    indexNames();
}

void KeywordTable::indexNames() {
    for (std::size_t index = 0; index < _slots.size(); ++index) {
        const std::string& name = _slots[index].name;
        if (!name.empty()) _indexes.emplace(lowerAscii(name), index);
    }
}

std::optional<std::size_t> KeywordTable::indexOf(std::string_view name) const {
    const auto found = _indexes.find(lowerAscii(name));
    if (found == _indexes.end()) return std::nullopt;
    return found->second;
}

const std::string& KeywordTable::nameOf(std::size_t index) const {
    static const std::string none;
    return index < _slots.size() ? _slots[index].name : none;
}

KeywordTable KeywordTable::parse(std::string_view letters, std::string_view further) {
    KeywordTable table;
    table.read(letters, 0, keywordLetters);
    table.read(further, keywordLetters, maxKeywords);
    table.indexNames();
    return table;
}

void KeywordTable::read(std::string_view text, std::size_t first, std::size_t limit) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);

        std::size_t index = 0;
        const char* const lineEnd = line.data() + line.size();
        const auto [rest, error] = std::from_chars(line.data(), lineEnd, index);
        if (error != std::errc() || rest == lineEnd || *rest != ' ' || index < first || index >= limit) continue;
        const std::string_view name(rest + 1, static_cast<std::size_t>(lineEnd - rest - 1));
        if (name.empty()) continue;
        if (index >= _slots.size()) _slots.resize(index + 1);
        _slots[index].isTaken = true;
        _slots[index].name = isKeywordName(name) ? std::string(name) : std::string();
    }
}

KeywordFile::KeywordFile(std::string directory) : _directory(std::move(directory)) {
    _letters.path = _directory + "/dovecot-keywords";
    _further.path = _directory + "/maildock-keywords";
}

bool KeywordFile::refresh(Source& source) {
    struct stat status {};
    if (::stat(source.path.c_str(), &status) != 0) {
        if (errno != ENOENT) throw Error::fromErrno("cannot stat", source.path);
        const bool wasThere = source.isKnown;
        source.isKnown = false;
        source.text.clear();
        return wasThere;
    }
    if (source.isKnown && isSameFile(status, source.status)) return false;
    // Looked at before it is read: should it be replaced in between, the next look finds it changed once more.
    source.text = readFile(source.path, maxFileOctets).value_or("");
    source.status = status;
    source.isKnown = true;
    return true;
}

std::shared_ptr<const KeywordTable> KeywordFile::loadLocked() {
    const bool lettersChanged = refresh(_letters);
    const bool furtherChanged = refresh(_further);
    if (lettersChanged || furtherChanged) {
        _table = std::make_shared<const KeywordTable>(KeywordTable::parse(_letters.text, _further.text));
    }
    return _table;
}

std::shared_ptr<const KeywordTable> KeywordFile::load() {
    const std::lock_guard guard(_mutex);
    return loadLocked();
}

std::shared_ptr<const KeywordTable> KeywordFile::add(const std::vector<std::string>& names,
                                                     const KeywordSet& lettersInUse) {
    for (const std::string& name : names) {
        if (!isKeywordName(name)) throw Error(ErrorKind::InvalidName, "no keyword name", _letters.path);
    }
    const std::lock_guard guard(_mutex);
    const DotLock lock(_letters.path + ".lock", lockTimeoutMs);
    const auto table = loadLocked();

    KeywordSet taken = lettersInUse;
    std::size_t nextLetter = 0;
    for (std::size_t index = 0; index < maxKeywords; ++index) {
        if (table->isTaken(index)) taken.set(index);
        if (taken.test(index) && index < keywordLetters) nextLetter = index + 1;
    }
    // Behind the last letter first, then the gaps (a line may be lost that files still carry the letter of), then ours.
    const auto takeIndex = [&taken, &nextLetter, this] {
        while (nextLetter < keywordLetters && taken.test(nextLetter)) ++nextLetter;
        std::size_t index = nextLetter < keywordLetters ? nextLetter : 0;
        while (index < maxKeywords && taken.test(index)) ++index;
        if (index == maxKeywords) throw Error(ErrorKind::Limit, "too many keywords", _letters.path);
        taken.set(index);
        return index;
    };

    std::vector<std::pair<std::size_t, std::string>> letterLines, furtherLines;
    std::map<std::string, bool> isAdded;
    for (const std::string& name : names) {
        if (table->indexOf(name) || !isAdded.emplace(lowerAscii(name), true).second) continue;
        const std::size_t index = takeIndex();
        (index < keywordLetters ? letterLines : furtherLines).emplace_back(index, name);
    }

    if (!furtherLines.empty()) replaceFile(_further.path, withLines(_further.text, furtherLines));
    if (!letterLines.empty()) {
        const struct stat before = _letters.status;
        const bool wasThere = _letters.isKnown;
        replaceFile(_letters.path, withLines(_letters.text, letterLines));
        // Dovecot tells a changed file by its mtime in whole seconds, so the mtime has to grow (it does the same).
        struct stat after {};
        if (wasThere && ::stat(_letters.path.c_str(), &after) == 0 && after.st_mtim.tv_sec <= before.st_mtim.tv_sec) {
            const struct timespec times[2] = {after.st_atim, {before.st_mtim.tv_sec + 1, 0}};
            ::utimensat(AT_FDCWD, _letters.path.c_str(), times, 0);
        }
    }
    return loadLocked();
}

}  // namespace maildir
