#include "maildir/mailbox/UidList.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "maildir/LargePages.h"

namespace maildir {

namespace {

constexpr std::string_view headerOfVersion1 = "1 ";
constexpr std::uint64_t maxListOctets = std::uint64_t(1) << 31;
constexpr std::size_t maxHeaderOctets = 64 * 1024;
constexpr std::uint32_t maxGap = 1u << 20;  // between the last row and half a row that is believed

std::string newGuid() {
    static constexpr char digits[] = "0123456789abcdef";
    std::random_device source;
    std::string guid;
    for (int i = 0; i < 32; ++i) guid += digits[source() & 15];
    return guid;
}

template <class Number>
bool readNumber(std::string_view text, Number& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

// Calls with each word of a line separated by single spaces.
template <class Function>
void eachWord(std::string_view line, Function&& function) {
    while (!line.empty()) {
        const std::size_t end = std::min(line.find(' '), line.size());
        if (end > 0) function(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
    }
}

std::string readFrom(int fd, std::uint64_t from, std::uint64_t octets, const std::string& path) {
    std::string text;
    text.reserve(octets);
    preferLargePages(text);
    text.resize(octets);
    text.resize(readAt(fd, from, text, path));
    return text;
}

std::string textOf(std::span<const UidRow> rows) {
    std::string text;
    text.reserve(rows.size() * 72);
    preferLargePages(text);
    for (const UidRow& row : rows) {
        text += std::to_string(row.uid.value);
        text += ' ';
        if (!row.extension.empty()) text.append(row.extension).append(" ");
        text.append(":").append(row.baseName).append("\n");
    }
    return text;
}

// Nothing if there is none. A link that leads nowhere is one that can't be reached now, not one that is gone.
std::optional<FileDescriptor> openList(const std::string& path, int flags) {
    std::optional<FileDescriptor> file = openRegular(path, flags);
    struct stat status {};
    if (!file && lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
        throw Error(ErrorKind::Corrupt, "the UID list is a symbolic link that leads nowhere", path);
    }
    return file;
}

}  // namespace

UidList::UidList(std::string directory) : _directory(std::move(directory)), _path(_directory + "/dovecot-uidlist") {}

UidValidity UidList::uidValidityIn(const std::string& directory) {
    UidList list(directory);
    const std::optional<FileDescriptor> file = openList(list._path, O_RDONLY | O_CLOEXEC);
    if (!file) return {};
    const std::string start = readFrom(file->get(), 0, maxHeaderOctets, list._path);
    const std::size_t end = start.find('\n');
    return end != std::string::npos && list.readHeader(std::string_view(start).substr(0, end)) ? list.uidValidity()
                                                                                               : UidValidity{};
}

void UidList::restore(UidListState state) {
    _state = std::move(state);
    _exists = true;
}

void UidList::noteTime(const struct stat& status) {
    _state.seconds = status.st_mtim.tv_sec;
    _state.nanoseconds = status.st_mtim.tv_nsec;
}

void UidList::forgetFile() {
    _exists = _state.isDamaged = _state.endsInHalfRow = false;
    _state.inode = 0;
    _state.parsedOctets = _state.fileOctets = 0;
    _state.rowCount = 0;
    _state.lastUid = Uid{};
    _state.header.clear();
    _state.lastLine.clear();
}

bool UidList::isContinued(int fd, const struct stat& status) const {
    const auto octets = static_cast<std::uint64_t>(status.st_size);
    if (!_exists || status.st_ino != _state.inode || status.st_dev != _state.device || octets < _state.parsedOctets)
        return false;
    const std::uint64_t lastAt = _state.parsedOctets - _state.lastLine.size() - 1;
    return readFrom(fd, 0, _state.header.size() + 1, _path) == _state.header + "\n" &&
           readFrom(fd, lastAt, _state.lastLine.size() + 1, _path) == _state.lastLine + "\n";
}

std::optional<UidListNews> UidList::refresh() {
    UidListNews news;
    news.isWhole = true;
    const std::optional<FileDescriptor> file = openList(_path, O_RDONLY | O_CLOEXEC);
    if (!file) {
        const bool isNews = _exists || !_wasToldMissing;
        forgetFile();
        _wasToldMissing = true;
        return isNews ? std::optional(std::move(news)) : std::nullopt;
    }
    struct stat status {};
    if (fstat(file->get(), &status) != 0) throw Error::fromErrno("cannot stat", _path);
    if (!S_ISREG(status.st_mode)) throw Error(ErrorKind::Corrupt, "the UID list is no file", _path);
    const auto octets = static_cast<std::uint64_t>(status.st_size);
    if (octets > maxListOctets) throw Error(ErrorKind::Corrupt, "the UID list is larger than 2 GiB", _path);
    if (_exists && status.st_ino == _state.inode && status.st_dev == _state.device && octets == _state.fileOctets &&
        status.st_mtim.tv_sec == _state.seconds && status.st_mtim.tv_nsec == _state.nanoseconds) {
        return std::nullopt;
    }
    news.isWhole = !isContinued(file->get(), status);
    const std::uint64_t from = news.isWhole ? 0 : _state.parsedOctets;
    // Where this throws, what is known of the list stays: it is neither empty nor missing.
    news.text = std::make_shared<const std::string>(readFrom(file->get(), from, octets - from, _path));
    if (news.isWhole) forgetFile();
    _state.inode = status.st_ino;
    _state.device = status.st_dev;
    noteTime(status);
    _state.fileOctets = _state.parsedOctets + news.text->size();
    std::size_t start = 0;
    if (news.isWhole) {
        const std::size_t end = news.text->find('\n');
        if (end == std::string::npos || end > maxHeaderOctets ||
            !readHeader(std::string_view(*news.text).substr(0, end))) {
            news.text.reset();
            news.hasUnknownHeader = true;
            return news;
        }
        _exists = true;
        start = end + 1;
    }
    readRows(news.text, start, news);
    return news;
}

// Version 1, as Dovecot up to 1.0 wrote it: "1 <UIDVALIDITY> <next UID>", and rows "<UID> <file name>".
bool UidList::readHeaderOfVersion1(std::string_view line) {
    std::vector<std::string_view> words;
    eachWord(line, [&words](std::string_view word) { words.push_back(word); });
    UidValidity validity;
    Uid next{1};
    const bool isGood = words.size() == 3 && words[0] == "1" && readNumber(words[1], validity.value) &&
                        readNumber(words[2], next.value) && validity.value != 0;
    if (!isGood) return false;
    _state.uidValidity = validity;
    _state.headerNext = _state.nextUid = next.value == 0 ? Uid{1} : next;
    _state.otherHeader.clear();
    _state.header = _state.lastLine = line;
    _state.isDamaged = true;  // so that it is replaced by one of version 3: no row of that may be appended
    return true;
}

bool UidList::readHeader(std::string_view line) {
    if (line.starts_with(headerOfVersion1)) return readHeaderOfVersion1(line);
    UidValidity validity;
    Uid next{1};
    std::string other, guid;
    ModSeq modSeqMark;
    bool isFirst = true, isGood = true;
    eachWord(line, [&](std::string_view word) {
        if (isFirst) {
            isGood = word == "3";
            isFirst = false;
        } else if (word[0] == 'V') {
            isGood = isGood && readNumber(word.substr(1), validity.value);
        } else if (word[0] == 'N') {
            isGood = isGood && readNumber(word.substr(1), next.value);
        } else if (word[0] == 'G') {
            guid = word.substr(1);
        } else if (word[0] != 'M' || !readNumber(word.substr(1), modSeqMark.value)) {
            other.append(" ").append(word);
        }
    });
    if (!isGood || validity.value == 0) return false;
    _state.uidValidity = validity;
    _state.headerNext = next.value == 0 ? Uid{1} : next;
    _state.nextUid = _state.headerNext;
    _state.modSeqMark = std::max(_state.modSeqMark, modSeqMark);
    _state.otherHeader = std::move(other);
    if (!guid.empty()) _state.guid = std::move(guid);
    _state.header = _state.lastLine = line;
    return true;
}

bool UidList::readRow(std::string_view line, UidRow& row) const {
    const std::size_t space = line.find(' ');
    const bool isVersion1 = _state.header.starts_with(headerOfVersion1);
    const std::size_t colon = isVersion1 ? space : line.find(" :");
    if (space == std::string_view::npos || colon == std::string_view::npos ||
        !readNumber(line.substr(0, space), row.uid.value) || row.uid <= _state.lastUid) {
        return false;
    }
    // The highest UID of all follows others, or the header tells of it: nobody gives it out of the blue.
    if (row.uid.value == UINT32_MAX && UINT32_MAX - std::max(_state.lastUid, _state.headerNext).value > maxGap)
        return false;
    if (colon > space) row.extension = line.substr(space + 1, colon - space - 1);
    row.baseName = line.substr(colon + (isVersion1 ? 1 : 2));
    row.baseName = row.baseName.substr(0, row.baseName.find(':'));
    return !row.baseName.empty() && row.baseName.find('/') == std::string_view::npos;
}

bool UidList::takesLeapBack(std::string_view line, std::string_view rest, UidListNews& news, UidRow& row) {
    if (!news.isWhole || news.rows.empty()) return false;
    const Uid leapt = news.rows.back().uid;
    const Uid before = news.rows.size() > 1 ? news.rows[news.rows.size() - 2].uid : Uid{};
    // What the header counts as given was no leap when the list was written.
    if (leapt.value - before.value <= maxGap || leapt < _state.headerNext) return false;
    _state.lastUid = before;
    UidRow following;
    const bool fits = readRow(line, row) && row.uid.value - before.value <= maxGap;
    _state.lastUid = leapt;
    if (!fits || readRow(rest.substr(0, rest.find('\n')), following)) return false;  // the list goes on up there
    news.rows.pop_back();
    --_state.rowCount;
    news.leapt.push_back(leapt);
    return true;
}

void UidList::readRows(const std::shared_ptr<const std::string>& text, std::size_t from, UidListNews& news) {
    const std::string_view all(*text);
    std::size_t position = from;
    _state.endsInHalfRow = false;
    constexpr std::size_t usualRowOctets = 48;
    news.rows.reserve((all.size() - from) / usualRowOctets);
    preferLargePages(news.rows);
    while (position < all.size()) {
        const std::size_t end = all.find('\n', position);
        if (end == std::string_view::npos) {
            // Half a row: another program is writing, or died while it wrote. Its UID is not given again.
            _state.endsInHalfRow = true;
            break;
        }
        const std::string_view line = all.substr(position, end - position);
        position = end + 1;
        _state.lastLine = line;
        UidRow row;
        if (!readRow(line, row)) {
            _state.isDamaged = true;
            if (!takesLeapBack(line, all.substr(position), news, row)) {
                ++news.badLines;
                continue;
            }
        }
        _state.lastUid = row.uid;
        ++_state.rowCount;
        news.rows.push_back(row);
    }
    _state.parsedOctets += position;
    _state.nextUid = std::max(_state.headerNext, uidAfter(_state.lastUid));
    if (_state.endsInHalfRow) {
        Uid half;
        const std::string_view line = all.substr(position);
        const std::size_t space = line.find(' ');
        if (space != std::string_view::npos && readNumber(line.substr(0, space), half.value) &&
            half.value - _state.lastUid.value < maxGap) {
            _state.nextUid = std::max(_state.nextUid, uidAfter(half));
        }
    }
}

void UidList::append(std::span<const UidRow> rows, std::span<const std::string> folders) {
    if (rows.empty()) return;
    const std::string text = textOf(rows);
    std::optional<FileDescriptor> file = openList(_path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (!file) throw Error(ErrorKind::Io, "the UID list vanished", _path);
    if (_lock != nullptr) _lock->require();
    try {
        writeAll(file->get(), text, _path);
        syncTogether(file->get(), _path, folders);
    } catch (const Error&) {
        takeBack(file->get());
        throw;
    }
    struct stat status {};
    if (fstat(file->get(), &status) == 0) noteTime(status);
    _state.fileOctets += text.size();
    noteWritten(text, rows);
}

// Half a row would make Dovecot drop the list; the lock is ours, so what was there before is the whole truth.
void UidList::takeBack(int fd) {
    const bool isOurs = _lock == nullptr || _lock->stillMine();
    if (!isOurs || ftruncate(fd, static_cast<off_t>(_state.fileOctets)) != 0) _state.isDamaged = true;
}

void UidList::replace(const std::string& text) {
    if (_lock == nullptr) return replaceFile(_path, text);
    _lock->require();
    replaceFile(*_lock, _path, text);
}

void UidList::rewrite(UidValidity uidValidity, Uid nextUid, std::span<const UidRow> rows) {
    if (!rows.empty()) nextUid = std::max(nextUid, uidAfter(rows.back().uid));
    if (_state.guid.empty()) _state.guid = newGuid();
    std::string header =
        "3 V" + std::to_string(uidValidity.value) + " N" + std::to_string(nextUid.value) + " G" + _state.guid;
    if (_state.modSeqMark.value != 0) header += " M" + std::to_string(_state.modSeqMark.value);
    header += _state.otherHeader;
    const std::string text = header + "\n" + textOf(rows);
    replace(text);
    struct stat status {};
    if (stat(_path.c_str(), &status) != 0) throw Error::fromErrno("cannot stat", _path);
    forgetFile();
    _state.inode = status.st_ino;
    _state.device = status.st_dev;
    noteTime(status);
    _exists = true;
    _state.fileOctets = text.size();
    _state.header = std::move(header);
    _state.uidValidity = uidValidity;
    _state.headerNext = _state.nextUid = nextUid;
    noteWritten(text, rows);
}

void UidList::noteWritten(const std::string& text, std::span<const UidRow> rows) {
    _state.parsedOctets = _state.fileOctets;
    _state.rowCount += rows.size();
    if (!rows.empty()) _state.lastUid = rows.back().uid;
    _state.nextUid = std::max(_state.nextUid, uidAfter(_state.lastUid));
    const std::size_t newline = text.rfind('\n', text.size() - 2);
    const std::size_t start = newline == std::string::npos ? 0 : newline + 1;
    _state.lastLine = text.substr(start, text.size() - 1 - start);
}

KeywordSet keywordsOf(std::string_view extension) {
    KeywordSet set;
    eachWord(extension, [&set](std::string_view word) {
        if (word[0] != 'K') return;
        word.remove_prefix(1);
        while (!word.empty()) {
            const std::size_t end = std::min(word.find(','), word.size());
            std::size_t index = 0;
            if (readNumber(word.substr(0, end), index) && index >= 26 && index < maxKeywords) set.set(index);
            word.remove_prefix(std::min(end + 1, word.size()));
        }
    });
    return set;
}

std::string withKeywords(std::string_view extension, const KeywordSet& keywords) {
    std::string result;
    const auto add = [&result](std::string_view word) {
        if (!result.empty()) result += ' ';
        result += word;
    };
    eachWord(extension, [&add](std::string_view word) {
        if (word[0] != 'K') add(word);
    });
    std::string list;
    for (std::size_t index = 26; index < maxKeywords; ++index) {
        if (keywords.test(index)) list.append(list.empty() ? "K" : ",").append(std::to_string(index));
    }
    if (!list.empty()) add(list);
    return result;
}

std::optional<std::uint64_t> numberOf(std::string_view extension, char letter) {
    std::optional<std::uint64_t> found;
    eachWord(extension, [&](std::string_view word) {
        std::uint64_t value = 0;
        if (word[0] == letter && readNumber(word.substr(1), value)) found = value;
    });
    return found;
}

}  // namespace maildir
