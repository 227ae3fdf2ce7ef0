// The first open of a mailbox that Courier wrote: its UIDs and keywords become Dovecot's files, so that no client has
// to download its mail again. Keywords first: the UID list is what marks a mailbox as taken over, so a crash in between
// only repeats the work.
#include <utility>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"
#include "maildir/names/CourierTakeover.h"

namespace maildir {

void Mailbox::State::takeOverCourierLocked() {
    if (!needsCourierTakeOver(directory)) return;
    const CourierKeywords courier = readCourierKeywords(directory);
    std::map<std::string, std::string> late;  // keywords that have no letter live in the list, by base name
    for (const bool isInNew : {true, false}) {
        if (courier.byBaseName.empty()) break;
        for (const std::string& name : listDirectory(directory + (isInNew ? "/new" : "/cur"))) {
            const std::string base(baseNameOf(name));
            const auto found = courier.byBaseName.find(base);
            if (found == courier.byBaseName.end()) continue;
            addKeywordsLocked(found->second, true);
            const KeywordSet set = keywordSetLocked(found->second);
            const KeywordSet letters = set & lettersMask();
            if (set != letters) late[base] = withKeywords({}, set);
            const FileNameFacts facts = readFileName(name);
            if ((facts.keywords | letters) == facts.keywords) continue;
            renameMessageLocked(name, isInNew, withFlags(name, facts.flags, facts.keywords | letters), false);
        }
    }
    const CourierTakeOver result = takeOverUidList(directory, late);
    // Told once, though it may have to be tried again before there is a list.
    if (result.fault.empty() || std::exchange(isTakeOverFaultTold, true)) return;
    logLocked("the UID list that Courier left, " + directory + "/courierimapuiddb, is damaged: " + result.fault +
              ". If a backup has it whole, stop the server, put that back and remove dovecot-uidlist");
}

}  // namespace maildir
