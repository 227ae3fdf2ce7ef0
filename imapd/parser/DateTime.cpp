#include "imapd/parser/DateTime.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace imapd {

namespace {

constexpr std::array<std::string_view, 12> monthNames = {"jan", "feb", "mar", "apr", "may", "jun",
                                                         "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<const char*, 12> writtenMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t secondsPerDay = 86400;

// Reads fixed fields from the front of a text; after the first that does not fit, isBad stays true.
struct Fields {
    std::string_view rest;
    bool isBad = false;

    bool startsWithDigit(std::size_t at) const { return rest.size() > at && rest[at] >= '0' && rest[at] <= '9'; }

    int digits(std::size_t count) {
        int value = 0;
        for (std::size_t i = 0; i < count && !isBad; ++i) {
            if (!startsWithDigit(0)) {
                isBad = true;
                return 0;
            }
            value = value * 10 + (rest.front() - '0');
            rest.remove_prefix(1);
        }
        return value;
    }

    bool skip(char c) {
        if (rest.empty() || rest.front() != c) return false;
        rest.remove_prefix(1);
        return true;
    }

    void expect(char c) { isBad = !skip(c) || isBad; }

    // A number of two digits, or leniently one.
    int shortNumber(bool isStrict) { return digits(isStrict || startsWithDigit(1) ? 2 : 1); }

    void skipBlanks() { rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size())); }

    void blank(bool isStrict) {
        expect(' ');
        if (!isStrict) skipBlanks();
    }

    // zone = ("+" / "-") 4DIGIT, in minutes east of UTC. Lenient forms: parseDateTime().
    int zone(bool isStrict) {
        constexpr std::array<std::pair<std::string_view, int>, 3> oddZones = {
            {{"+.530", 330}, {"-.530", -210}, {"+7545", 345}}};
        for (const auto& [written, minutes] : oddZones) {
            if (isStrict || !rest.starts_with(written)) continue;
            rest.remove_prefix(written.size());
            return minutes;
        }
        const bool isWest = skip('-');
        if (!isWest) expect('+');
        const bool isOneDigit = !isStrict && isWest && skip('-');
        const int hours = digits(isOneDigit ? 1 : 2);
        if (!isStrict && !isOneDigit) skip(':');
        const int minutes = digits(2);
        if (hours > 23 || minutes > 59) isBad = true;
        return (hours * 60 + minutes) * (isWest ? -1 : 1);
    }

    unsigned month() {
        std::string name(rest.substr(0, 3));
        for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        const auto found = std::find(monthNames.begin(), monthNames.end(), name);
        if (found == monthNames.end()) {
            isBad = true;
            return 1;
        }
        rest.remove_prefix(3);
        return static_cast<unsigned>(found - monthNames.begin()) + 1;
    }

    // "-" date-month "-" date-year, and whether that day exists.
    std::int64_t daysOf(int day) {
        expect('-');
        const unsigned number = month();
        expect('-');
        const int year = digits(4);
        const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(number),
                                               std::chrono::day(static_cast<unsigned>(day))};
        if (!date.ok()) isBad = true;
        return isBad ? 0 : std::chrono::sys_days(date).time_since_epoch().count();
    }
};

void appendTwoDigits(std::string& text, unsigned value) {
    text += static_cast<char>('0' + value / 10);
    text += static_cast<char>('0' + value % 10);
}

}  // namespace

std::optional<std::int32_t> parseDate(std::string_view text, bool isStrict) {
    Fields fields{text};
    if (!isStrict) fields.skipBlanks();
    const int day = fields.shortNumber(false);
    const std::int64_t days = fields.daysOf(day);
    if (!isStrict) fields.skipBlanks();
    if (fields.isBad || !fields.rest.empty()) return std::nullopt;
    return static_cast<std::int32_t>(days);
}

std::optional<std::int64_t> parseDateTime(const std::string& text, bool isStrict) {
    Fields fields{text};
    const bool hasSpace = fields.skip(' ');
    if (!isStrict) fields.skipBlanks();
    const int day = isStrict && hasSpace ? fields.digits(1) : fields.shortNumber(isStrict);
    const std::int64_t days = fields.daysOf(day);
    fields.blank(isStrict);
    const int hour = fields.shortNumber(isStrict);
    fields.expect(':');
    const int minute = fields.digits(2);
    fields.expect(':');
    const int second = fields.digits(2);
    fields.blank(isStrict);
    const int zone = fields.zone(isStrict);
    if (!isStrict) fields.skipBlanks();
    if (fields.isBad || !fields.rest.empty()) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
    return days * secondsPerDay + (hour * 60 + minute - zone) * 60 + second;
}

std::string formatDateTime(std::int64_t utcSeconds, int zoneMinutes) {
    constexpr std::int64_t firstSecond = -62167219200;  // 0000-01-01 00:00:00
    constexpr std::int64_t lastSecond = 253402300799;   // 9999-12-31 23:59:59
    const int zone = std::clamp(zoneMinutes, -1439, 1439);
    const std::int64_t local =
        std::clamp(std::clamp(utcSeconds, firstSecond, lastSecond) + zone * 60, firstSecond, lastSecond);
    const std::int64_t days = local >= 0 ? local / secondsPerDay : -((-local + secondsPerDay - 1) / secondsPerDay);
    const auto second = static_cast<int>(local - days * secondsPerDay);
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
    const int zoneSize = zone < 0 ? -zone : zone;
    std::string text;
    appendTwoDigits(text, static_cast<unsigned>(date.day()));
    text += '-';
    text += writtenMonths[static_cast<unsigned>(date.month()) - 1];
    text += '-';
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    appendTwoDigits(text, year / 100);
    appendTwoDigits(text, year % 100);
    for (const auto& [before, value] : {std::pair(' ', second / 3600), {':', second / 60 % 60}, {':', second % 60}}) {
        text += before;
        appendTwoDigits(text, static_cast<unsigned>(value));
    }
    text += zone < 0 ? " -" : " +";
    appendTwoDigits(text, static_cast<unsigned>(zoneSize / 60));
    appendTwoDigits(text, static_cast<unsigned>(zoneSize % 60));
    return text;
}

}  // namespace imapd
