// Writes responses: the only place that knows wire syntax. Appends to a byte buffer that it is given; holds no socket.
// RFC 3501 section 9 (response grammar), RFC 9051 section 9, RFC 5258 LIST.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/response/Reply.h"
#include "maildir/Types.h"
#include "maildir/mailbox/Snapshot.h"

namespace imapd {

using maildir::Uid;

// A message's number in one session's view, from 1.
struct SeqNum {
    std::uint32_t value = 0;
    auto operator<=>(const SeqNum&) const = default;
};

// What the client enabled, as far as syntax depends on it.
struct WireFeatures {
    bool utf8 = false;        // UTF8=ACCEPT or IMAP4rev2 enabled: quoted strings and mailbox names may be UTF-8
    bool rev2 = false;        // IMAP4rev2 enabled: no RECENT; SEARCH answers ESEARCH
    bool sevenBit = false;    // strings are 7-bit: text that is not, is sent as encoded-words (row V0007)
    bool utf8Accept = false;  // UTF8=ACCEPT enabled: SEARCH takes no CHARSET (RFC 6855 3)
};

class ResponseWriter {
public:
    ResponseWriter(std::string& out, const WireFeatures& features) : _out(&out), _features(&features) {}
    ResponseWriter(std::string& out, const WireFeatures&& features) = delete;  // they must outlive it

    // --- whole responses, each a line with its CRLF
    void tagged(std::string_view tag, const Reply& reply);
    void untagged(std::string_view line);  // "* " line CRLF; the caller knows that `line` is clean
    void status(std::string_view kind, std::string_view code,
                std::string_view text);        // * OK [code] text; kind: OK, NO, BAD, BYE, PREAUTH
    void continuation(std::string_view text);  // + text
    void exists(std::size_t messages);
    void recent(std::size_t messages);  // nothing under IMAP4rev2
    void expunge(SeqNum number);
    void flags(const std::vector<std::string>& names);  // * FLAGS (...)
    // * n FETCH (FLAGS (...) [UID u]); names as flagNames() gives them
    void fetchFlags(SeqNum number, const std::vector<std::string>& names, std::optional<Uid> uid);

    // --- pieces
    ResponseWriter& raw(std::string_view octets);
    ResponseWriter& number(std::uint64_t value);
    // string: quoted where the octets allow it, else a literal. NIL for nothing.
    ResponseWriter& string(std::string_view octets);
    ResponseWriter& nstring(const std::optional<std::string>& octets);
    ResponseWriter& literal(std::string_view octets);
    ResponseWriter& astring(std::string_view octets);  // an atom where it can be one
    // A mailbox name in the form it has on the wire (already modified UTF-7, or UTF-8): quoted; with `\` or `"` in it a
    // literal (row V0009).
    ResponseWriter& mailbox(std::string_view wireName);
    ResponseWriter& flagList(const std::vector<std::string>& names);  // (\Seen $Junk)

    std::string& buffer() { return *_out; }
    const WireFeatures& features() const { return *_features; }

private:
    std::string* _out;
    const WireFeatures* _features;
};

// The flags of a record as IMAP names them, \Recent first if asked for.
std::vector<std::string> flagNames(const maildir::Record& record, const maildir::KeywordTable& keywords, bool isRecent);

// RFC 3501 section 9: a string's octets are never NUL. From `from` on, each becomes 0x80, as Dovecot sends it: the
// number of octets stays what it was announced to be.
void replaceNuls(std::string& octets, std::size_t from = 0);

// In the given order, as COPYUID needs it: runs that ascend by one are joined.
std::string orderedSet(std::span<const Uid> uids);

}  // namespace imapd
