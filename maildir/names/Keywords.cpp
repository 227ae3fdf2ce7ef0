#include "maildir/names/Keywords.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <utility>

#include "maildir/DotLock.h"
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

using Lines = std::vector<std::pair<std::size_t, std::string>>;

// The index that a line of the file begins with.
std::optional<std::size_t> indexIn(std::string_view line) {
    std::size_t index = 0;
    const char* const end = line.data() + line.size();
    const auto [rest, error] = std::from_chars(line.data(), end, index);
    if (error != std::errc() || rest == end || *rest != ' ') return std::nullopt;
    return index;
}

// The text with a line for each new keyword behind it, instead of those that their indexes had.
std::string withLines(std::string_view text, const Lines& lines) {
    std::string result;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const auto index = indexIn(line);
        const bool isReplaced =
            std::any_of(lines.begin(), lines.end(), [&](const auto& each) { return index == each.first; });
        if (!isReplaced) result.append(line).append("\n");
    }
    for (const auto& [index, name] : lines) result += std::to_string(index) + ' ' + name + '\n';
    return result;
}

// Replaces the file. Its mtime has to grow by a second: Dovecot tells a changed file by that (it does the same), and so
// does anybody where times have whole seconds.
void replaceLines(DotLock& lock, const std::string& path, const std::string& before, const Lines& lines,
                  const struct stat& status, bool wasThere) {
    replaceFile(lock, path, withLines(before, lines));
    struct stat after {};
    if (!wasThere || ::stat(path.c_str(), &after) != 0 || after.st_mtim.tv_sec > status.st_mtim.tv_sec) return;
    const struct timespec times[2] = {after.st_atim, {status.st_mtim.tv_sec + 1, 0}};
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
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
        if (name.empty()) continue;
        _indexes.emplace(lowerAscii(name), index);
        _fingerprint = _fingerprint * 31 + std::hash<std::string>()(name) * (index + 1);
    }
}

std::size_t KeywordTable::freeIndexes(const KeywordSet& inUse) const {
    std::size_t count = 0;
    for (std::size_t index = 0; index < maxKeywords; ++index) count += !isTaken(index) && !inUse.test(index) ? 1 : 0;
    return count;
}

std::size_t KeywordTable::reusableIndexes(const KeywordSet& inUse) const {
    std::size_t count = 0;
    for (std::size_t index = 0; index < size(); ++index) {
        count += !nameOf(index).empty() && !inUse.test(index) ? 1 : 0;
    }
    return count;
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
    const std::optional<struct stat> found = statusIfThere(source.path);
    if (!found) {
        const bool wasThere = source.isKnown;
        source.isKnown = false;
        source.text.clear();
        return wasThere;
    }
    if (source.isKnown && isSameFile(*found, source.status)) return false;
    // Looked at before it is read: should it be replaced in between, the next look finds it changed once more.
    source.text = readFile(source.path, maxFileOctets).value_or("");
    source.status = *found;
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

std::shared_ptr<const KeywordTable> KeywordFile::add(const std::vector<std::string>& names, const KeywordSet& inUse,
                                                     bool mayReuse) {
    for (const std::string& name : names) {
        if (!isKeywordName(name)) throw Error(ErrorKind::InvalidName, "no keyword name", _letters.path);
    }
    const std::lock_guard guard(_mutex);
    DotLock lock(_letters.path + ".lock", lockTimeoutMs);
    const auto table = loadLocked();

    KeywordSet taken = inUse, reusable;
    std::size_t nextLetter = 0;
    for (std::size_t index = 0; index < maxKeywords; ++index) {
        if (mayReuse && !table->nameOf(index).empty() && !inUse.test(index)) reusable.set(index);
        if (table->isTaken(index)) taken.set(index);
        if (taken.test(index) && index < keywordLetters) nextLetter = index + 1;
    }
    for (const std::string& name : names) {
        if (const auto known = table->indexOf(name)) reusable.reset(*known);
    }
    // Behind the last letter first, then the gaps (a line may be lost that files still carry the letter of), then ours;
    // then what nobody uses.
    const auto takeIndex = [&taken, &reusable, &nextLetter] {
        while (nextLetter < keywordLetters && taken.test(nextLetter)) ++nextLetter;
        std::size_t index = nextLetter < keywordLetters ? nextLetter : 0;
        while (index < maxKeywords && taken.test(index)) ++index;
        for (std::size_t last = maxKeywords; index == maxKeywords && last > 0; --last) {
            if (reusable.test(last - 1)) index = last - 1;
        }
        // Without a path: it is for the client too.
        if (index == maxKeywords) throw Error(ErrorKind::Limit, "The mailbox has no room for another keyword");
        taken.set(index);
        reusable.reset(index);
        return index;
    };

    Lines letterLines, furtherLines;
    std::map<std::string, bool> isAdded;
    for (const std::string& name : names) {
        if (table->indexOf(name) || !isAdded.emplace(lowerAscii(name), true).second) continue;
        const std::size_t index = takeIndex();
        (index < keywordLetters ? letterLines : furtherLines).emplace_back(index, name);
    }

    if (!furtherLines.empty())
        replaceLines(lock, _further.path, _further.text, furtherLines, _further.status, _further.isKnown);
    if (!letterLines.empty())
        replaceLines(lock, _letters.path, _letters.text, letterLines, _letters.status, _letters.isKnown);
    return loadLocked();
}

}  // namespace maildir
