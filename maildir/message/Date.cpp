#include <array>
#include <chrono>

#include "maildir/message/Ascii.h"
#include "maildir/message/Header.h"

// Dates of mail as they are met: RFC 5322 3.3 and its obsolete forms (4.3), the order of asctime(), dashes between day,
// month and year. Words are told apart by their look, not by their place.

namespace maildir {

namespace {

struct ReadDate {
    int day = 0;
    int month = 0;
    int year = -1;
    int second = -1;  // of the day
    std::optional<int> zoneMinutes;
};

constexpr std::array<std::string_view, 12> monthNames = {"jan", "feb", "mar", "apr", "may", "jun",
                                                         "jul", "aug", "sep", "oct", "nov", "dec"};

struct NamedZone {
    std::string_view name;
    int minutes;
};
// RFC 5322 4.3, and two that are seen a lot. Others, the military ones too, count as +0000.
constexpr std::array<NamedZone, 10> namedZones = {{{"EST", -300},
                                                   {"EDT", -240},
                                                   {"CST", -360},
                                                   {"CDT", -300},
                                                   {"MST", -420},
                                                   {"MDT", -360},
                                                   {"PST", -480},
                                                   {"PDT", -420},
                                                   {"CET", 60},
                                                   {"CEST", 120}}};

int numberOf(std::string_view digits) {
    int number = 0;
    if (digits.empty() || digits.size() > 6) return -1;
    for (const char c : digits) {
        if (!ascii::isDigit(c)) return -1;
        number = number * 10 + (c - '0');
    }
    return number;
}

int secondOfDay(std::string_view time) {
    int parts[3] = {0, 0, 0};
    for (int& part : parts) {
        const std::size_t colon = time.find_first_of(":.");
        part = numberOf(time.substr(0, colon));
        if (colon == std::string_view::npos) {
            time = {};
            break;
        }
        time.remove_prefix(colon + 1);
    }
    const bool isValid =
        parts[0] >= 0 && parts[0] < 24 && parts[1] >= 0 && parts[1] < 60 && parts[2] >= 0 && parts[2] <= 60;
    return isValid ? parts[0] * 3600 + parts[1] * 60 + parts[2] : -1;
}

void takeLetters(std::string_view word, ReadDate& date) {
    for (std::size_t i = 0; i < monthNames.size() && word.size() >= 3 && date.month == 0; ++i) {
        if (ascii::equalIgnoringCase(word.substr(0, 3), monthNames[i])) {
            date.month = static_cast<int>(i) + 1;
            return;
        }
    }
    if (date.second < 0 || date.zoneMinutes) return;
    date.zoneMinutes = 0;
    for (const NamedZone& zone : namedZones) {
        if (ascii::equalIgnoringCase(zone.name, word)) date.zoneMinutes = zone.minutes;
    }
}

bool takeNumber(std::string_view word, ReadDate& date) {
    const int number = numberOf(word);
    if (number < 0) return false;
    if (date.day == 0 && word.size() <= 2) {
        date.day = number;
        return number > 0;
    }
    if (date.year >= 0) return true;  // something behind the date
    // RFC 5322 4.3: two and three digits
    date.year = word.size() > 3 ? number : number + (word.size() == 2 && number < 50 ? 2000 : 1900);
    return true;
}

void takeZone(std::string_view word, ReadDate& date) {
    const int number = numberOf(word.substr(1));
    if (number < 0 || number / 100 > 23 || number % 100 > 59) {
        date.zoneMinutes = 0;
        return;
    }
    const int minutes = number / 100 * 60 + number % 100;
    date.zoneMinutes = word.front() == '-' ? -minutes : minutes;
}

bool takeWord(std::string_view word, ReadDate& date) {
    const bool isSigned = word.front() == '+' || word.front() == '-';
    if (isSigned && date.second >= 0) {
        if (!date.zoneMinutes) takeZone(word, date);
        return true;
    }
    if (ascii::isDigit(word.front()) && word.find(':') != std::string_view::npos && date.second < 0) {
        date.second = secondOfDay(word);
        return date.second >= 0;
    }
    while (!word.empty()) {  // 14-Mar-99
        const std::size_t dash = word.find('-');
        const std::string_view piece = word.substr(0, dash);
        if (!piece.empty() && ascii::isLetter(piece.front())) takeLetters(piece, date);
        if (!piece.empty() && ascii::isDigit(piece.front()) && !takeNumber(piece, date)) return false;
        word.remove_prefix(dash == std::string_view::npos ? word.size() : dash + 1);
    }
    return true;
}

}  // namespace

std::optional<MessageDate> parseDate(std::string_view value) {
    constexpr std::size_t maxDateOctets = 1000;
    value = value.substr(0, maxDateOctets);
    ReadDate date;
    for (std::size_t at = ascii::afterCfws(value, 0); at < value.size(); at = ascii::afterCfws(value, at)) {
        const std::size_t end = std::min(value.find_first_of(" \t\r\n,(", at), value.size());
        if (end > at && !takeWord(value.substr(at, end - at), date)) return std::nullopt;
        at = end < value.size() && value[end] == ',' ? end + 1 : end;
    }
    const std::chrono::year_month_day day(std::chrono::year(date.year),
                                          std::chrono::month(static_cast<unsigned>(date.month)),
                                          std::chrono::day(static_cast<unsigned>(date.day)));
    if (date.year < 1900 || date.year > 9999 || !day.ok()) return std::nullopt;
    MessageDate result;
    result.zoneMinutes = date.zoneMinutes.value_or(0);
    result.utcSeconds = std::chrono::sys_days(day).time_since_epoch().count() * std::int64_t(86400) +
                        std::max(date.second, 0) - result.zoneMinutes * 60;
    return result;
}

}  // namespace maildir
