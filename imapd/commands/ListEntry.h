// LIST responses: what one of them says, and those that other commands send of the mailbox that they name.
// RFC 3501 7.2.2, RFC 9051 7.3.1, 6.3.9.7.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "maildir/names/MailboxName.h"

namespace imapd {

class Session;

struct ListEntry {
    std::string_view response = "LIST";  // or LSUB, XLIST
    std::vector<std::string> attributes = {};
    std::string wireName = {};
    bool hasChildInfo = false;  // RFC 5258 4
    std::string oldName = {};   // as the client sent it; empty: not told
};

// Writes it, without the attributes that may not be told (row V0053).
void writeEntry(Session& session, ListEntry entry);

// Tells the mailbox after SELECT or EXAMINE under IMAP4rev2 (RFC 9051 6.3.2), with OLDNAME if the client called it
// otherwise.
void tellSelected(Session& session, const maildir::MailboxName& name, std::string_view asSent);

// Tells under IMAP4rev2 what the mailbox is really called, if the client called it otherwise (RFC 9051 6.3.9.7). The
// mailbox that was deleted is told as \NonExistent.
void tellOtherName(Session& session, const maildir::MailboxName& name, std::string_view asSent);

}  // namespace imapd
