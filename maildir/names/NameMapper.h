// Mailbox name <-> directory below the Maildir root: the one bijection. Every directory that can hold a mailbox has
// exactly one name and back, whatever its octets; no name leads outside the root.
//
// Layout Maildir++: INBOX is the root itself, levels A, B are the directory ".A.B". Layout fs: INBOX is the root,
// A/B is "A/B" (names that cannot be a level there, such as cur, new, tmp, ".x", are escaped).
// Encodings of a level: modified UTF-7 (RFC 3501 5.1.3), in which '.', '/', '~', ':' and control characters inside a
// level are shifted too ("&AC4-" is '.'), as Courier up to 4 did; plain UTF-8 (Dovecot's mailbox_list_utf8); UTF-8 with
// \ooo octal escapes for '.', '/', '~', ':', '\' and controls (Courier 5 and later); and modified UTF-7 or UTF-8 with
// Dovecot's storage escape character followed by two hex digits. A level that decodes in no way is shown under an
// escaped name that maps back to just that directory.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/names/MailboxName.h"

namespace maildir {

enum class Layout { MaildirPlusPlus, Fs };
// DovecotUtf7 is modified UTF-7 as Dovecot writes it: '~' and ':' stand for themselves, which is where the two differ.
// In layout fs, which only Dovecot has, ModifiedUtf7 is the same.
enum class NameEncoding { ModifiedUtf7, Utf8, CourierUtf8, DovecotUtf7 };

class NameMapper {
public:
    // escapeCharacter: Dovecot's mailbox_list_storage_escape_char, or 0 for none. Throws Error(InvalidName) if it is no
    // ASCII punctuation, or one that the encodings need.
    NameMapper(Layout layout, NameEncoding encoding, char escapeCharacter = 0);

    // The directory relative to the root: "" for INBOX, else such as ".A.B" or "A/B".
    // Throws Error(InvalidName) for a name that cannot exist (an empty level, invalid UTF-8, NUL), Error(Limit) when
    // the encoded name is longer than the file system carries (255 octets a path component).
    [[nodiscard]] std::string directoryOf(const MailboxName& name) const;

    // The name of a directory as directoryOf writes it; nothing if no mailbox can live there (".", "..", "cur", ...,
    // Dovecot's "..DOVECOT-TRASHED"). directoryOf(*nameOf(d)) is d, and nameOf(directoryOf(n)) is n (but that INBOX
    // alone, in any case, is INBOX).
    [[nodiscard]] std::optional<MailboxName> nameOf(std::string_view directory) const;

    [[nodiscard]] Layout layout() const { return _layout; }
    [[nodiscard]] NameEncoding encoding() const { return _encoding; }

private:
    Layout _layout;
    NameEncoding _encoding;
    char _escapeCharacter;
};

// What a look at the directory names of a tree says about their encoding.
struct EncodingFinding {
    NameEncoding encoding = NameEncoding::ModifiedUtf7;  // what fits all (or, if mixed, most) names
    bool isMixed = false;                                // names speak for different encodings: an admin must decide
    std::vector<std::string> witnesses;                  // up to a few directory names that decided
};
EncodingFinding detectEncoding(const std::vector<std::string>& directories, Layout layout);

// Modified UTF-7 of RFC 3501 5.1.3, for the wire: nothing on a malformed shift or invalid UTF-8.
std::optional<std::string> utf8ToModifiedUtf7(std::string_view utf8);
std::optional<std::string> modifiedUtf7ToUtf8(std::string_view utf7);

}  // namespace maildir
