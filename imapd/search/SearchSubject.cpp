#include "imapd/search/SearchSubject.h"

#include "maildir/message/Header.h"

namespace imapd {

std::optional<std::int64_t> sentDayOf(std::string_view dateField) {
    constexpr std::int64_t secondsOfDay = 86400;
    const std::optional<maildir::MessageDate> date = maildir::parseDate(dateField);
    if (!date) return std::nullopt;
    const std::int64_t seconds = date->utcSeconds + std::int64_t{60} * date->zoneMinutes;
    return seconds >= 0 ? seconds / secondsOfDay : -((-seconds + secondsOfDay - 1) / secondsOfDay);
}

}  // namespace imapd
