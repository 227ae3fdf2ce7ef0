// Every switch of the module, read from the settings in one place and asked for by meaning. Immutable; a reload makes a
// new one for sessions to come. The row ids are those of docs/standards-support.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imapd/session/ConnectionCounts.h"
#include "imapd/session/ShownKeywords.h"
#include "maildir/names/NameMapper.h"
#include "maildir/watch/Watcher.h"
#include "modules/api/Settings.h"

namespace imapd {

struct Policy {
    // parser
    bool strictParsing = false;
    bool extraSpaces = true;  // where parsing is not strict
    bool tabAfterCommand = false;
    bool anyTag = false;
    std::size_t maxSearchNesting = 100;
    // limits, octets
    std::uint64_t maxMessageOctets = 0, maxLiteralOctets = 0;
    std::size_t maxLineOctets = 0;
    std::size_t maxBadCommands = 0;  // in a row; the connection ends
    CountLimits connections;
    // names
    char delimiter = '/';
    std::string prefix;
    std::string mailLocation;
    bool createsTrees = true;    // for users whose tree is not there
    bool actsAsAccount = false;  // touches a user's files with the rights of that user of the system
    maildir::Layout layout = maildir::Layout::MaildirPlusPlus;
    std::optional<maildir::NameEncoding> encoding;
    char escapeCharacter = 0;
    std::size_t maxDepth = 31;
    std::size_t maxNameLength = 0;            // characters of a new name; 0: what the file system carries (row C0003)
    bool cutsLongNames = false;               // that exist, where LIST shows them (row C0003)
    bool caseSensitiveNames = true;           // row V0008; INBOX never is
    bool deletesWithChildren = true;          // row V0027
    bool renamesAcrossHierarchy = true;       // row V0028
    bool strictReference = false;             // row V0031
    std::vector<std::string> listAttributes;  // that LIST may tell, in capitals; empty: all (row V0053)
    bool tellsMarked = false;                 // \Marked is among them: it costs a look at each mailbox
    ShownKeywords keywords;                   // rows E0001, V0005, V0039, V0042, V0054
    // special-use: attribute ("\\Sent") -> name of the mailbox, and the names that stand for it
    struct SpecialUse {
        std::string attribute;  // "\\Sent"
        std::string mailbox;    // name in UTF-8 with '/' between levels
        bool autocreate = false;
        std::vector<std::string> aliases;  // existing mailboxes of these names take the role instead
    };
    std::vector<SpecialUse> specialUses;
    // what is told
    std::vector<std::string> allowedCapabilities;  // empty: all
    bool announceCapability = true;
    bool announceExternalFlags = true;
    bool tellsUnasked = false;          // news while no command is in progress (row V0014)
    bool alertAndParse = true;          // rows V0048, V0049
    std::string notice;                 // of the admin, told after log-in; empty: none
    bool mayBePreauthenticated = true;  // row V0051
    bool existsAfterExpunge = false;
    bool codesInInformation = true;  // row V0050
    bool emptyHeaderIsNil = false;
    bool utf8Accept = false;
    bool sevenBit = false;
    std::vector<std::string> searchCharsets;  // empty: every one that the library knows
    // time
    std::chrono::seconds inactivityTimeout{1800}, unauthenticatedTimeout{60}, idleKeepalive{120}, pollInterval{30},
        progressInterval{10};
    std::vector<std::string> proxyNetworks;  // whose hosts may speak for clients (PROXY protocol)
    // sign-in
    bool plaintextWithoutTls = false;
    bool loginDisabledOnTls = false;
    std::vector<std::string> mechanisms;  // empty: every one that can be served
    std::size_t maxFailures = 4;
    std::chrono::seconds penalty{1};          // of the first failure; doubles with each
    std::vector<std::string> exemptNetworks;  // whose failures are not counted over connections
    enum class ExternalName { Any, Email, CommonName };
    ExternalName externalName = ExternalName::Any;  // which name of a client certificate is the user's
    std::size_t authenticationWorkers = 4;
    // storage
    std::string statePath;
    std::uint64_t cacheMemoryOctets = 0;
    std::uint64_t cacheFileOctets = 0;
    bool timesTurns = false;  // where the log has room for it
    std::size_t keptRecords = 0;
    maildir::Watcher::Mode watch = maildir::Watcher::Mode::Auto;
    std::map<std::string, std::string> serverId;  // what ID tells (RFC 2971)

    static Policy from(const maildock::Settings& settings);  // throws std::runtime_error with the key in the text
    static std::vector<maildock::KeySpec> keys();
    static std::vector<maildock::Finding> check(const maildock::Settings& settings);
};

}  // namespace imapd
