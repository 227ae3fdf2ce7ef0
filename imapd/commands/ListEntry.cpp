#include "imapd/commands/ListEntry.h"

#include <algorithm>

#include "imapd/session/Session.h"
#include "imapd/session/UserMail.h"

namespace imapd {

using maildir::MailboxName;

namespace {

// \NonExistent, where it may not be told, shows as the \Noselect that it implies.
void keepAllowed(std::vector<std::string>& attributes, const std::vector<std::string>& allowed) {
    if (allowed.empty()) return;
    const auto isAllowed = [&allowed](std::string attribute) {
        std::transform(attribute.begin(), attribute.end(), attribute.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        return std::find(allowed.begin(), allowed.end(), attribute) != allowed.end();
    };
    for (std::string& each : attributes) {
        if (each == "\\NonExistent" && !isAllowed(each)) each = "\\Noselect";
    }
    std::erase_if(attributes, [&isAllowed](const std::string& each) { return !isAllowed(each); });
}

ListEntry entryOf(const UserMail& mail, const MailboxName& name) {
    ListEntry entry;
    entry.wireName = mail.wireNameOf(name);
    if (!mail.tree().exists(name)) {
        entry.attributes = {"\\NonExistent"};
        return entry;
    }
    entry.attributes = {mail.hasChildren(name) ? "\\HasChildren" : "\\HasNoChildren"};
    const UserMail::SpecialUses uses = mail.specialUses();
    if (const auto own = uses.find(name); own != uses.end()) {
        entry.attributes.insert(entry.attributes.end(), own->second.begin(), own->second.end());
    }
    return entry;
}

// What was sent, if it is another name; a delimiter at the end is none of the name (RFC 9051 6.3.4).
std::string otherName(std::string_view asSent, const std::string& wireName, char delimiter) {
    if (asSent.size() > 1 && asSent.back() == delimiter) asSent.remove_suffix(1);
    return asSent == wireName ? std::string() : std::string(asSent);
}

}  // namespace

void writeEntry(Session& session, ListEntry entry) {
    keepAllowed(entry.attributes, session.policy().listAttributes);
    ResponseWriter writer = session.writer();
    writer.raw("* ").raw(entry.response).raw(" ").flagList(entry.attributes).raw(" ");
    writer.string(std::string(1, session.mail().delimiter())).raw(" ").mailbox(entry.wireName);
    if (entry.hasChildInfo) writer.raw(" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    if (!entry.oldName.empty()) writer.raw(" (\"OLDNAME\" (").mailbox(entry.oldName).raw("))");
    writer.raw("\r\n");
}

void tellSelected(Session& session, const MailboxName& name, std::string_view asSent) {
    if (!session.features().rev2) return;
    try {
        ListEntry entry = entryOf(session.mail(), name);
        entry.oldName = otherName(asSent, entry.wireName, session.mail().delimiter());
        writeEntry(session, std::move(entry));
    } catch (const maildir::Error& error) {
        session.logFailure("cannot tell the name", error);  // the command itself is done
    }
}

void tellOtherName(Session& session, const MailboxName& name, std::string_view asSent) {
    if (!session.features().rev2) return;
    const UserMail& mail = session.mail();
    if (otherName(asSent, mail.wireNameOf(name), mail.delimiter()).empty()) return;
    tellSelected(session, name, asSent);
}

}  // namespace imapd
