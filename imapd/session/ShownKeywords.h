// Which keywords clients see and may set: all, or those that the admin lists (rows E0001, V0005). Others stay on disk
// as they are: no command shows, finds, sets or removes them. Immutable.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/Types.h"
#include "maildir/names/Keywords.h"

namespace imapd {

class ShownKeywords {
public:
    // All of them.
    ShownKeywords() = default;
    explicit ShownKeywords(std::vector<std::string> names) : _names(std::move(names)) {}

    [[nodiscard]] bool isAny() const { return !_names; }
    // The list; nothing: any.
    [[nodiscard]] const std::optional<std::vector<std::string>>& names() const { return _names; }
    // Keyword names have no case (RFC 3501 2.3.2, RFC 9051 2.3.2).
    [[nodiscard]] bool shows(std::string_view name) const;
    // Those of a mailbox that are shown, and those of a message.
    [[nodiscard]] maildir::KeywordSet of(const maildir::KeywordTable& table) const;
    [[nodiscard]] maildir::KeywordSet of(const maildir::KeywordSet& keywords,
                                         const maildir::KeywordTable& table) const {
        return isAny() ? keywords : keywords & of(table);
    }
    // The names that FLAGS tells: what the mailbox has, or the list, whether a message has them or not.
    [[nodiscard]] std::vector<std::string> defined(const maildir::KeywordTable& table) const;

private:
    std::optional<std::vector<std::string>> _names;  // nothing: any
};

}  // namespace imapd
