// The values that the parser makes of a command: plain data, no behaviour. Strings are the octets that the client
// meant: quoting, escaping and literals are gone. Mailbox names are still as sent (modified UTF-7, or UTF-8 where
// enabled); sequence sets are uninterpreted until a session resolves them. RFC 3501 section 9, RFC 9051 section 9.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/Secret.h"

namespace imapd {

// sequence-set; '*' is 0. isSavedResult: the set is "$" (RFC 5182) and ranges is empty.
struct SequenceSet {
    struct Range {
        std::uint32_t first = 0;
        std::uint32_t last = 0;  // not ordered: "5:2" stays 5, 2
    };
    std::vector<Range> ranges;
    bool isSavedResult = false;
};

struct StringPair {
    std::string name;
    std::optional<std::string> value;  // nothing: NIL
};

// --- any state
struct Capability {};
struct Noop {};
struct Logout {};
struct Id {
    std::vector<StringPair> parameters;  // empty for NIL
};

// --- not authenticated
struct StartTls {};
struct Authenticate {
    std::string mechanism;                            // upper case
    std::optional<maildock::Secret> initialResponse;  // still base64; "=" is an empty one (RFC 4959)
};
struct Login {
    std::string user;
    maildock::Secret password;
};

// --- authenticated
struct Enable {
    std::vector<std::string> capabilities;  // upper case
};
// SELECT and EXAMINE. Parameters of RFC 4466 by name, upper case, with what stands in their parentheses raw.
struct Select {
    std::string mailbox;
    bool isReadOnly = false;
    struct Parameter {
        std::string name;
        std::string value;
    };
    std::vector<Parameter> parameters;
};
struct Create {
    std::string mailbox;
    std::vector<std::string> specialUse;  // USE (...) of RFC 6154, such as "\\Sent"
};
struct Delete {
    std::string mailbox;
};
struct Rename {
    std::string from;
    std::string to;
};
struct Subscribe {
    std::string mailbox;
};
struct Unsubscribe {
    std::string mailbox;
};
enum class StatusItem { Messages, Recent, UidNext, UidValidity, Unseen, Size, Deleted, HighestModSeq };
// LIST with RFC 5258 options. A plain LIST has isExtended false.
struct List {
    bool isExtended = false;
    bool selectSubscribed = false, selectRemote = false, selectRecursiveMatch = false, selectSpecialUse = false;
    std::string reference;
    std::vector<std::string> patterns;
    bool returnSubscribed = false, returnChildren = false, returnSpecialUse = false;
    std::vector<StatusItem> returnStatus;  // RFC 5819; empty: not asked
};
struct Lsub {
    std::string reference;
    std::string pattern;
};
struct XList {  // Gmail's forerunner of SPECIAL-USE, which old Outlooks send
    std::string reference;
    std::string pattern;
};
struct Status {
    std::string mailbox;
    std::vector<StatusItem> items;
};
struct Namespace {};
struct Idle {};
// The literal itself goes to the sink that the reader was handed; here is only what stood before it.
struct Append {
    std::string mailbox;
    std::vector<std::string> flags;
    std::optional<std::string> dateTime;  // inside its quotes, such as "17-Jul-1996 02:44:25 -0700"
    std::uint64_t messageOctets = 0;
    bool isUtf8 = false;    // UTF8 (~{n}...) of RFC 6855
    bool isBinary = false;  // ~{n}... of RFC 3516: a literal8 without UTF8 (...)
};

// --- selected
struct Check {};
struct Close {};
struct Unselect {};
struct Expunge {
    std::optional<SequenceSet> uids;  // UID EXPUNGE (RFC 4315)
};

struct SearchKey {
    enum Kind {
        All,
        Answered,
        Deleted,
        Draft,
        Flagged,
        New,
        Old,
        Recent,
        Seen,
        Unanswered,
        Undeleted,
        Undraft,
        Unflagged,
        Unseen,
        Bcc,
        Body,
        Cc,
        From,
        Subject,
        Text,
        To,      // string: text
        Header,  // string: field, text
        Keyword,
        Unkeyword,  // string: the keyword
        Before,
        On,
        Since,
        SentBefore,
        SentOn,
        SentSince,  // day
        Larger,
        Smaller,  // number
        SequenceNumbers,
        Uids,  // set
        Not,   // children[0]
        Or,    // children[0], children[1]
        And,   // children: a parenthesised list, or the top
        Younger,
        Older  // number: seconds (RFC 5032), if ever offered
    };
    Kind kind = All;
    std::string field;
    std::string text;
    std::uint64_t number = 0;
    std::int32_t day = 0;  // days since 1970-01-01 of the date written
    SequenceSet set;
    std::vector<SearchKey> children;
};
struct Search {
    bool isUid = false;
    bool hasReturn = false;  // RETURN given (RFC 4731); then the flags below; RETURN () means ALL
    bool returnMin = false, returnMax = false, returnAll = false, returnCount = false, returnSave = false;
    std::string charset;  // empty: none given
    SearchKey key;        // kind And
};

// BODY[section]<first.count>
struct Section {
    enum Kind { Whole, Header, HeaderFields, HeaderFieldsNot, Text, Mime };
    std::vector<std::uint32_t> part;  // 1.2.3; empty: the message itself
    Kind kind = Whole;                // Whole with a part: that part's content
    std::vector<std::string> fields;  // HEADER.FIELDS: as sent
};
struct FetchItem {
    enum Kind {
        Envelope,
        Flags,
        InternalDate,
        Rfc822,
        Rfc822Header,
        Rfc822Size,
        Rfc822Text,
        Rfc822Peek,
        Body,
        BodyStructure,
        Uid,
        BodySection,
        Binary,
        BinarySize
    };
    Kind kind = Flags;
    bool isPeek = false;  // leaves \Seen alone: .PEEK, and RFC822.HEADER always
    Section section;
    bool isPartial = false;
    std::uint64_t partialFirst = 0;
    std::uint64_t partialCount = 0;
};
struct Fetch {
    bool isUid = false;
    SequenceSet set;
    std::vector<FetchItem> items;  // macros ALL, FAST, FULL are expanded
};
struct Store {
    enum Mode { Replace, Add, Remove };
    bool isUid = false;
    SequenceSet set;
    Mode mode = Replace;
    bool isSilent = false;
    std::vector<std::string> flags;  // as sent: "\\Seen", "$Forwarded"
};
struct Copy {
    bool isUid = false;
    SequenceSet set;
    std::string mailbox;
};
struct Move {
    bool isUid = false;
    SequenceSet set;
    std::string mailbox;
};

using Arguments = std::variant<Capability, Noop, Logout, Id, StartTls, Authenticate, Login, Enable, Select, Create,
                               Delete, Rename, Subscribe, Unsubscribe, List, Lsub, XList, Status, Namespace, Idle,
                               Append, Check, Close, Unselect, Expunge, Search, Fetch, Store, Copy, Move>;

struct Command {
    std::string tag;
    std::string name;  // upper case, with "UID " before it where it was: for the log and for replies
    Arguments arguments;
};

}  // namespace imapd
