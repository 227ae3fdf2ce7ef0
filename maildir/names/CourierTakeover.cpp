#include "maildir/names/CourierTakeover.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <unordered_set>

#include "maildir/DotLock.h"
#include "maildir/FileOps.h"
#include "maildir/names/Keywords.h"

namespace maildir {

namespace {

constexpr std::uint64_t maxListOctets = 256 << 20;
constexpr std::uint64_t maxUpdateOctets = 64 << 10;
constexpr std::size_t maxBaseNameOctets = 255;
constexpr int lockTimeoutMs = 30'000;

std::string_view takeLine(std::string_view& text) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

// The number at the start of text, 1..2^32-1, taken off it.
std::optional<std::uint32_t> takeNumber(std::string_view& text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number == 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

bool takeSpace(std::string_view& text) {
    if (!text.starts_with(' ')) return false;
    text.remove_prefix(1);
    return true;
}

// The file name without its flags; empty if it can be no message's name.
std::string_view baseNameOf(std::string_view fileName) {
    const std::string_view base = fileName.substr(0, fileName.find(':'));
    const bool hasOddOctets = std::any_of(
        base.begin(), base.end(), [](char octet) { return octet == '/' || static_cast<unsigned char>(octet) < 0x20; });
    return hasOddOctets || base.starts_with('.') || base.size() > maxBaseNameOctets ? std::string_view() : base;
}

// Throws where that can't be told: UIDs that are not seen for a moment must not be given anew.
bool isThere(const std::string& path) {
    return statusIfThere(path).has_value();
}

std::string randomGuid() {
    std::array<unsigned char, 16> octets{};
    if (::getrandom(octets.data(), octets.size(), 0) != static_cast<ssize_t>(octets.size())) {
        throw Error::fromErrno("no random numbers", {});
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::string guid;
    for (const unsigned char octet : octets) {
        guid += digits[octet >> 4];
        guid += digits[octet & 15];
    }
    return guid;
}

// "<n>.<base name>" behind the dot of an aged update; nothing for other files that begin with a dot.
struct AgedUpdate {
    std::uint32_t age = 0;
    std::string_view baseName;
};
std::optional<AgedUpdate> agedUpdate(std::string_view name) {
    name.remove_prefix(1);
    const auto age = takeNumber(name);
    if (!age || !name.starts_with('.')) return std::nullopt;
    return AgedUpdate{*age, name.substr(1)};
}

std::vector<std::string> keywordsInUpdate(std::string_view text) {
    std::set<std::string> names;
    while (!text.empty()) {
        const std::string_view line = takeLine(text);
        if (isKeywordName(line)) names.emplace(line);
    }
    return {names.begin(), names.end()};
}

}  // namespace

std::optional<CourierUidList> parseCourierUidList(std::string_view text) {
    std::string_view header = takeLine(text);
    CourierUidList list;
    const auto version = takeNumber(header);
    if (version != 1U || !takeSpace(header)) return std::nullopt;
    const auto uidValidity = takeNumber(header);
    if (!uidValidity || !takeSpace(header)) return std::nullopt;
    const auto nextUid = takeNumber(header);
    if (!nextUid) return std::nullopt;
    list.uidValidity = *uidValidity;
    list.nextUid = *nextUid;

    std::size_t lines = 0;
    while (!text.empty()) {
        std::string_view line = takeLine(text);
        ++lines;
        const auto uid = takeNumber(line);
        // 2^32-1 has no UID above it.
        if (!uid || *uid == UINT32_MAX || !takeSpace(line)) continue;
        const std::string_view baseName = baseNameOf(line);
        if (!baseName.empty()) list.rows.push_back({*uid, std::string(baseName)});
    }
    std::stable_sort(list.rows.begin(), list.rows.end(), [](const auto& a, const auto& b) { return a.uid < b.uid; });
    std::unordered_set<std::string_view> names;
    std::vector<CourierUidList::Row> rows;
    rows.reserve(list.rows.size());
    for (const auto& row : list.rows) {
        const bool isNewUid = rows.empty() || rows.back().uid != row.uid;
        if (isNewUid && names.insert(row.baseName).second) rows.push_back(row);
    }
    if (!list.rows.empty()) list.nextUid = std::max(list.nextUid, list.rows.back().uid + 1);
    list.rows = std::move(rows);
    list.leftOut = lines - list.rows.size();
    return list;
}

CourierKeywords parseCourierKeywordList(std::string_view text) {
    std::vector<std::string_view> names;
    while (!text.empty()) {
        const std::string_view line = takeLine(text);
        if (line.empty()) break;
        names.push_back(line);
    }
    CourierKeywords keywords;
    while (!text.empty()) {
        std::string_view line = takeLine(text);
        const auto colon = line.find(':');
        const std::string_view baseName = baseNameOf(line);
        if (baseName.empty() || colon == std::string_view::npos) continue;
        line.remove_prefix(colon + 1);
        std::set<std::string> found;
        while (!line.empty()) {
            std::size_t index = names.size();
            const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
            if (error == std::errc() && index < names.size() && isKeywordName(names[index]))
                found.emplace(names[index]);
            const auto space = line.find(' ');
            line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
        }
        if (!found.empty()) keywords.byBaseName[std::string(baseName)].assign(found.begin(), found.end());
    }
    return keywords;
}

bool needsCourierTakeOver(const std::string& mailboxDirectory) {
    return !isThere(mailboxDirectory + "/dovecot-uidlist") && isThere(mailboxDirectory + "/courierimapuiddb");
}

CourierTakeOver takeOverUidList(const std::string& mailboxDirectory,
                                const std::map<std::string, std::string>& extensions) {
    CourierTakeOver result;
    if (!needsCourierTakeOver(mailboxDirectory)) return result;
    const std::string path = mailboxDirectory + "/dovecot-uidlist";
    DotLock lock(path + ".lock", lockTimeoutMs);
    if (isThere(path)) return result;  // another was quicker
    const auto text = readFile(mailboxDirectory + "/courierimapuiddb", maxListOctets);
    if (!text) return result;
    const auto list = parseCourierUidList(*text);
    if (!list) {
        result.fault =
            "its first line is not \"1 UIDVALIDITY next-UID\": no UIDs can be taken from it, so that all "
            "messages get new ones, with a new UIDVALIDITY, and clients download them again";
        return result;
    }
    if (list->leftOut > 0) {
        result.fault = std::to_string(list->leftOut) +
                       " of its lines are malformed, or repeat the UID or the message of another: messages without a "
                       "line get new UIDs";
    }

    std::string content =
        "3 V" + std::to_string(list->uidValidity) + " N" + std::to_string(list->nextUid) + " G" + randomGuid() + '\n';
    for (const auto& row : list->rows) {
        content += std::to_string(row.uid);
        const auto extension = extensions.find(row.baseName);
        if (extension != extensions.end()) content += ' ' + extension->second;
        content += " :" + row.baseName + '\n';
    }
    replaceFile(lock, path, content);
    result.isDone = true;
    return result;
}

CourierKeywords readCourierKeywords(const std::string& mailboxDirectory) {
    const std::string directory = mailboxDirectory + "/courierimapkeywords";
    if (!isThere(directory)) return {};

    // Which file holds the newest keywords of a message: age 2^32-1 is the one without a number.
    std::map<std::string, std::pair<std::uint32_t, std::string>> updates;
    for (const std::string& name : listDirectory(directory)) {
        AgedUpdate update{UINT32_MAX, name};
        if (name == ":list") continue;
        if (name.front() == '.') {
            const auto aged = agedUpdate(name);
            if (!aged) continue;
            update = *aged;
        }
        const std::string_view baseName = baseNameOf(update.baseName);
        if (baseName.empty()) continue;
        auto& newest = updates[std::string(baseName)];
        if (update.age >= newest.first) newest = {update.age, name};
    }

    CourierKeywords keywords;
    if (const auto list = readFile(directory + "/:list", maxListOctets)) keywords = parseCourierKeywordList(*list);
    for (const auto& [baseName, newest] : updates) {
        const auto text = readFile(directory + '/' + newest.second, maxUpdateOctets);
        if (!text) continue;
        auto names = keywordsInUpdate(*text);
        if (names.empty()) {
            keywords.byBaseName.erase(baseName);  // all its keywords were taken off it
        } else {
            keywords.byBaseName[baseName] = std::move(names);
        }
    }
    return keywords;
}

}  // namespace maildir
