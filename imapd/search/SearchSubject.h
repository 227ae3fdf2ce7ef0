// One message as SEARCH looks at it: what the keys ask for, the dearer the further down. Implemented over a session's
// view, and by tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/Types.h"
#include "maildir/message/TextSearch.h"

namespace imapd {

// The day that the sender wrote into a Date field, in days since the epoch (RFC 3501 6.4.4: disregarding time and
// timezone); nothing if it is no date.
std::optional<std::int64_t> sentDayOf(std::string_view dateField);

class SearchSubject {
public:
    virtual ~SearchSubject() = default;

    // Free.
    [[nodiscard]] virtual maildir::Uid uid() const = 0;
    [[nodiscard]] virtual maildir::FlagSet flags() const = 0;
    [[nodiscard]] virtual bool hasKeyword(std::string_view name) const = 0;
    [[nodiscard]] virtual bool isRecent() const = 0;
    // A look at the file, unless remembered.
    virtual std::int64_t internalDate() = 0;  // seconds since the epoch
    virtual std::uint64_t octets() = 0;       // RFC822.SIZE
    // Read the header, unless remembered.
    // name: upper case. The texts (maildir::fieldText) of the header's fields of that name, folded
    // (maildir::foldFieldText) and each ended by LF, which none has in it. Valid until the next call for this or
    // another message of the same search.
    virtual std::string_view foldedHeader(const std::string& name) = 0;
    // As foldedHeader(), for fields of addresses; each address is there as ENVELOPE shows it, too
    // (maildir::addressTexts).
    virtual std::string_view foldedAddresses(const std::string& name) = 0;
    // sentDayOf() the first Date field; nothing without one.
    virtual std::optional<std::int64_t> sentDay() = 0;
    // Reads the message: whether each pattern is in its text; withHeaders: in its header too (TEXT), else BODY.
    virtual std::vector<bool> textHas(const std::vector<const maildir::SearchPattern*>& patterns, bool withHeaders) = 0;
};

}  // namespace imapd
