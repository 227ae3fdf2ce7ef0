// The names of a mailbox's keywords: those that others gave meanwhile, and those that are given here.
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

void Mailbox::State::takeKeywordsLocked(std::shared_ptr<const KeywordTable> table) {
    keywords = std::move(table);
    const KeywordSet named = awaitedLetters & ~namelessOf(awaitedLetters);
    if (named.none()) return;
    const std::shared_ptr<const Snapshot> snapshot = published();
    std::vector<Edit> edits;
    for (const auto& chunk : snapshot->chunks()) {
        for (const Record& record : chunk->records()) {
            if ((record.keywords & named).any()) edits.push_back({record, std::string(chunk->fileName(record)), false});
        }
    }
    awaitedLetters &= ~named;
    awaitsNames = awaitedLetters.any();
    publishEditsLocked(edits, {});
}

KeywordSet Mailbox::State::namelessOf(const KeywordSet& letters) const {
    KeywordSet nameless = letters & lettersMask();
    for (std::size_t letter = 0; letter < keywordLetters; ++letter) {
        if (nameless.test(letter) && !keywords->nameOf(letter).empty()) nameless.reset(letter);
    }
    return nameless;
}

KeywordSet Mailbox::State::keywordSetLocked(const std::vector<std::string>& names) const {
    KeywordSet set;
    for (const std::string& name : names) {
        if (const auto found = keywords->indexOf(name)) set.set(*found);
    }
    return set;
}

void Mailbox::State::addKeywordsLocked(const std::vector<std::string>& names, bool mayLeaveOut) {
    if (names.empty()) return;
    // Another program may have given an index to another keyword.
    takeKeywordsLocked(keywordFile.load());
    std::vector<std::string> missing;
    for (const std::string& name : names) {
        if (!keywords->indexOf(name)) missing.push_back(name);
    }
    if (missing.empty()) return;
    const ListLock lock(*this);
    KeywordSet inUse = keywordsInUse(*published());
    const bool mayReuse = isLoaded && keywords->freeIndexes(inUse) < missing.size();
    if (mayReuse) {
        // What other programs set a moment ago is in use too.
        lookAtAllLocked();
        inUse = keywordsInUse(*published());
    }
    if (mayLeaveOut) {
        const std::size_t room = keywords->freeIndexes(inUse) + (mayReuse ? keywords->reusableIndexes(inUse) : 0);
        if (room < missing.size()) {
            logLocked("messages come into " + directory + " without " + std::to_string(missing.size() - room) +
                      " of their keywords: all " + std::to_string(maxKeywords) + " that it can have are in use");
            missing.resize(room);
        }
    }
    if (!missing.empty()) takeKeywordsLocked(keywordFile.add(missing, inUse, mayReuse));
}

}  // namespace maildir
