// The columns that one SEARCH reads its dear values from, and those that it fills for the next one. A message's value
// is derived where no column has it. Belongs to one execution; messages are asked for in the order of their UIDs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/mailbox/Mailbox.h"

namespace imapd {

class SearchColumns {
public:
    explicit SearchColumns(std::shared_ptr<maildir::Mailbox> mailbox) : _mailbox(std::move(mailbox)) {}

    // The message's value in the column of this name, from derive() where that is not known. Valid until the next call.
    template <class Derive>
    std::string_view value(std::string_view name, maildir::Uid uid, Derive&& derive) {
        Each* const each = find(name);
        if (each != nullptr) {
            if (const auto known = each->known(uid)) return *known;
        }
        _derived = derive();
        if (each != nullptr) each->found.add(uid, _derived);
        return _derived;
    }

    // Keeps what was derived for the searches to come. At the end of the search.
    void keep() const;

private:
    static constexpr std::size_t maxColumns = 8;  // further keys of one search are looked up one by one

    struct Each {
        Each(std::string columnName, std::shared_ptr<const maildir::Column> kept)
            : name(std::move(columnName)), before(std::move(kept)), found(before->opening()) {}
        std::optional<std::string_view> known(maildir::Uid uid);

        std::string name;
        std::shared_ptr<const maildir::Column> before;  // of earlier searches
        std::size_t next = 0;                           // position in it
        maildir::Column found;                          // what was derived now
    };
    Each* find(std::string_view name);

    std::shared_ptr<maildir::Mailbox> _mailbox;
    std::vector<std::unique_ptr<Each>> _columns;
    std::string _derived;
};

}  // namespace imapd
