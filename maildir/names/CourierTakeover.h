// What Courier wrote beside the messages of one mailbox, read so that a tree can be taken over without clients having
// to download their mail again. Nothing of Courier's is changed or removed.
//
//   courierimapuiddb              "1 <UIDVALIDITY> <next UID>", then "<UID> <file name>" a message
//   courierimapkeywords/:list     keyword names, a line each; an empty line; "<base name>:<index> <index> ..." a
//   message courierimapkeywords/<base name>, /.<n>.<base name>
//                                 the keywords of one message, a name a line; newer than :list: the one without a
//                                 number first, else the one with the highest
//
// The caller first gives the message files their keyword letters, then takes the UID list over: with that file there,
// a mailbox counts as taken over, so a crash before it only repeats the work.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace maildir {

struct CourierKeywords {
    std::map<std::string, std::vector<std::string>> byBaseName;  // only messages that have any
};

struct CourierUidList {
    struct Row {
        std::uint32_t uid = 0;
        std::string baseName;  // without ":2,..."
    };
    std::uint32_t uidValidity = 0;
    std::uint32_t nextUid = 0;  // above all rows
    std::vector<Row> rows;      // UIDs ascending, each UID and each name once
    std::size_t leftOut = 0;    // lines of the file that are none of these
};

// What became of Courier's UIDs.
struct CourierTakeOver {
    bool isDone = false;     // they are in a dovecot-uidlist now
    std::string fault = {};  // for the log: what was not understood, what follows, what helps; empty: nothing
};

// There is a courierimapuiddb and no dovecot-uidlist.
bool needsCourierTakeOver(const std::string& mailboxDirectory);

// Writes a dovecot-uidlist from courierimapuiddb, if there is none yet. extensions: by base name, the fields that go
// into a message's row between UID and name ("K26,31"). Nothing is changed if there is a list, or if Courier's file is
// missing or not understood. Throws Busy when the list is locked, else as the file system does.
CourierTakeOver takeOverUidList(const std::string& mailboxDirectory,
                                const std::map<std::string, std::string>& extensions = {});

// Keywords of this mailbox's messages; those that no client could name are left out. A missing directory gives none.
CourierKeywords readCourierKeywords(const std::string& mailboxDirectory);

// The pure parts. Nothing for a header that is not Courier's; rows that are not understood are left out.
std::optional<CourierUidList> parseCourierUidList(std::string_view text);
CourierKeywords parseCourierKeywordList(std::string_view text);

}  // namespace maildir
