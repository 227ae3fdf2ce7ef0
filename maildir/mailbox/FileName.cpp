#include "maildir/mailbox/FileName.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>

namespace maildir {

namespace {

constexpr std::string_view infoMark = ":2,";

struct FlagLetter {
    char letter;
    Flag flag;
};
// In the order of the letters, as the format asks for them.
constexpr FlagLetter flagLetters[] = {
    {'D', Flag::Draft}, {'F', Flag::Flagged}, {'R', Flag::Answered}, {'S', Flag::Seen}, {'T', Flag::Deleted}};

bool isFlagLetter(char letter) {
    return std::any_of(std::begin(flagLetters), std::end(flagLetters),
                       [letter](const FlagLetter& each) { return each.letter == letter; });
}

std::uint64_t sizeAfter(std::string_view base, std::string_view mark) {
    const std::size_t at = base.find(mark);
    if (at == std::string_view::npos) return UINT64_MAX;
    const char* const first = base.data() + at + mark.size();
    const char* const last = base.data() + base.size();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(first, last, value);
    if (error != std::errc() || (end != last && *end != ',')) return UINT64_MAX;
    return value;
}

std::string hostName() {
    char buffer[256] = {};
    if (gethostname(buffer, sizeof buffer - 1) != 0 || buffer[0] == 0) return "localhost";
    std::string name;
    for (const char c : std::string_view(buffer)) {
        if (c == '/')
            name += "\\057";
        else if (c == ':')
            name += "\\072";
        else if (c == ',')
            name += "\\054";
        else
            name += c;
    }
    return name;
}

}  // namespace

std::string_view baseNameOf(std::string_view fileName) {
    return fileName.substr(0, fileName.find(':'));
}

FileNameFacts readFileName(std::string_view fileName) {
    FileNameFacts facts;
    const std::string_view base = baseNameOf(fileName);
    facts.recordedStoredOctets = sizeAfter(base, ",S=");
    facts.recordedWireOctets = sizeAfter(base, ",W=");
    const std::string_view info = fileName.substr(base.size());
    if (!info.starts_with(infoMark)) return facts;
    for (const char letter : info.substr(infoMark.size())) {
        if (letter == ',') break;
        if (letter >= 'a' && letter <= 'z') facts.keywords.set(static_cast<std::size_t>(letter - 'a'));
        for (const FlagLetter& each : flagLetters) {
            if (each.letter == letter) facts.flags.set(each.flag);
        }
    }
    return facts;
}

std::string withFlags(std::string_view fileName, FlagSet flags, const KeywordSet& keywords) {
    const std::string_view base = baseNameOf(fileName);
    std::string letters, tail;
    if (const std::string_view info = fileName.substr(base.size()); info.starts_with(infoMark)) {
        const std::string_view rest = info.substr(infoMark.size());
        const std::size_t comma = std::min(rest.find(','), rest.size());
        for (const char letter : rest.substr(0, comma)) {
            if (!isFlagLetter(letter) && !(letter >= 'a' && letter <= 'z')) letters += letter;
        }
        tail = rest.substr(comma);
    }
    for (const FlagLetter& each : flagLetters) {
        if (flags.has(each.flag)) letters += each.letter;
    }
    for (std::size_t index = 0; index < 26; ++index) {
        if (keywords.test(index)) letters += static_cast<char>('a' + index);
    }
    std::sort(letters.begin(), letters.end());
    letters.erase(std::unique(letters.begin(), letters.end()), letters.end());
    return std::string(base).append(infoMark).append(letters).append(tail);
}

std::string uniqueBaseName() {
    static const std::string host = hostName();
    static std::atomic<std::uint64_t> count{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    return std::to_string(microseconds / 1000000) + ".M" + std::to_string(microseconds % 1000000) + "P" +
           std::to_string(getpid()) + "Q" + std::to_string(++count) + "." + host;
}

bool isUsableBaseName(std::string_view baseName) {
    // NAME_MAX less ":2,", five flags, 26 keywords and a few letters of other programs.
    constexpr std::size_t maxOctets = 255 - 3 - 5 - 26 - 6;
    return !baseName.empty() && baseName.size() <= maxOctets &&
           baseName.find_first_of(std::string_view("\n\r\0", 3)) == std::string_view::npos;
}

std::uint64_t deliveryTimeOf(std::string_view baseName) {
    std::uint64_t seconds = 0;
    std::from_chars(baseName.data(), baseName.data() + baseName.size(), seconds);
    return seconds;
}

}  // namespace maildir
