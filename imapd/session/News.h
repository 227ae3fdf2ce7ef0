// What a view still has to tell: found at one moment, told in pieces as the client reads them. One session's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "maildir/Types.h"
#include "maildir/mailbox/Snapshot.h"

namespace imapd {

struct News {
    struct KnownFlags {
        maildir::FlagSet flags;
        maildir::KeywordSet keywords;
    };
    using Known = std::unordered_map<maildir::Uid, KnownFlags>;

    std::shared_ptr<const maildir::Snapshot> before;  // what was shown
    std::vector<maildir::Uid> vanished;               // EXPUNGE
    std::size_t nextVanished = 0;
    std::optional<std::size_t> exists;
    bool tellsRecent = false;
    bool tellsKeywords = true;           // FLAGS, if there are new ones
    std::vector<maildir::Uid> suspects;  // whose flags may be other ones than the client knows
    std::size_t nextSuspect = 0;
    Known known;  // what the client knows besides `before`
    bool withUid = false;
    bool announceExternalFlags = true;
};

}  // namespace imapd
