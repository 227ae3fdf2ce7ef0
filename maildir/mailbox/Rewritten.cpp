// Messages whose file another program rewrote, in place or by another file under the same base name. A UID never shows
// other content later (RFC 3501 2.3.1.1): other content gets a new base name and with it a new UID, so that Dovecot too
// sees an expunge and a new message. A mere touch, or compression, keeps the UID and INTERNALDATE.
//
// A file is taken for unchanged while its inode, size and time are. Else the hash of its content decides, if the
// content was ever read; of what was not, nothing was derived that could be wrong now.
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <memory>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

namespace {

using ContentHash = std::array<std::uint64_t, 2>;

ContentHash hashOf(const MessageFile& file) {
    const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), &XXH3_freeState);
    if (!state) throw std::bad_alloc();
    XXH3_128bits_reset(state.get());
    if (const auto all = file.held(0, static_cast<std::size_t>(file.storedOctets()))) {
        const XXH128_hash_t hash = XXH3_128bits(all->data(), all->size());
        return {hash.low64, hash.high64};
    }
    std::string block(std::min<std::uint64_t>(file.storedOctets(), 256 * 1024), '\0');
    for (std::uint64_t at = 0; at < file.storedOctets();) {
        const auto octets = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file.storedOctets() - at));
        file.readStored(at, std::span(block.data(), octets));
        XXH3_128bits_update(state.get(), block.data(), octets);
        at += octets;
    }
    const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
    return {hash.low64, hash.high64};
}

bool isFactOf(const FileFacts& facts, const struct stat& status) {
    return facts.inode == status.st_ino && facts.fileOctets == static_cast<std::uint64_t>(status.st_size) &&
           facts.modificationNanoseconds == nanosecondsOf(status.st_mtim);
}

bool isSameFile(const struct stat& left, const struct stat& right) {
    return left.st_ino == right.st_ino && left.st_dev == right.st_dev && left.st_size == right.st_size &&
           nanosecondsOf(left.st_mtim) == nanosecondsOf(right.st_mtim);
}

FileFacts factsOf(const struct stat& status, std::uint64_t opening) {
    FileFacts facts;
    facts.internalDate = status.st_mtim.tv_sec;
    facts.storedOctets = facts.fileOctets = static_cast<std::uint64_t>(status.st_size);
    facts.inode = status.st_ino;
    facts.modificationNanoseconds = nanosecondsOf(status.st_mtim);
    facts.opening = opening;
    return facts;
}

// A secret of the process: nobody can name a mailbox so that its key is that of another one.
const std::array<unsigned char, XXH3_SECRET_SIZE_MIN>& secret() {
    static const auto value = [] {
        std::array<unsigned char, XXH3_SECRET_SIZE_MIN> octets{};
        if (getrandom(octets.data(), octets.size(), 0) != static_cast<ssize_t>(octets.size())) {
            throw Error::fromErrno("no random numbers", {});
        }
        return octets;
    }();
    return value;
}

}  // namespace

void Mailbox::State::startOpening() {
    static std::atomic<std::uint64_t> count{0};
    opening = ++count;
}

MessageKey Mailbox::State::keyOf(Uid uid) const {
    std::uint64_t mailbox = mailboxKey;
    if (mailbox == 0) {
        const UidValidity validity = published()->uidValidity();
        const std::string text = std::to_string(validity.value) + factsName;
        mailbox = XXH3_64bits_withSecret(text.data(), text.size(), secret().data(), secret().size());
        if (validity.value != 0) mailboxKey = mailbox;
    }
    return {mailbox, uid};
}

std::optional<FileFacts> Mailbox::State::factsByStat(Uid uid) {
    const std::shared_ptr<const Snapshot> snapshot = published();
    const auto record = snapshot->find(uid);
    struct stat status {};
    if (!record || lstat(pathOf(*record).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    const FileFacts found = factsOf(status, opening);
    messageFacts.forget(keyOf(uid));  // what was derived of a file that is not remembered
    messageFacts.putFile(keyOf(uid), found);
    return found;
}

bool Mailbox::State::isConfirmedByStat(Uid uid, FileFacts known) {
    const std::uint64_t present = opening;
    const std::shared_ptr<const Snapshot> snapshot = published();
    const auto record = snapshot->find(uid);
    struct stat status {};
    if (!record || lstat(pathOf(*record).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    if (!isFactOf(known, status)) return false;
    known.opening = present;
    messageFacts.putOpening(keyOf(uid), known);
    return true;
}

bool Mailbox::State::isRemembered(const MessageKey& key, const MessageFile& file, const struct stat& status) {
    MailboxFacts& store = messageFacts;
    std::optional<FileFacts> known = store.file(key);
    const std::uint64_t present = opening;
    if (known && isFactOf(*known, status)) {
        if (known->opening == present) return true;
        known->opening = present;
        store.putOpening(key, *known);
        return true;
    }
    FileFacts facts = factsOf(status, present);
    facts.storedOctets = file.storedOctets();
    if (known && known->hasContentHash) {
        if (hashOf(file) != known->contentHash) return false;
        facts.hasContentHash = true;
        facts.contentHash = known->contentHash;
    } else {
        store.forget(key);  // nobody knows what else was derived of
    }
    if (known) facts.internalDate = known->internalDate;
    store.putFile(key, facts);
    return true;
}

bool Mailbox::State::rememberContent(const MessageKey& key, const MessageFile& file) {
    MailboxFacts& store = messageFacts;
    std::optional<FileFacts> facts = store.file(key);
    if (!facts) return false;
    if (!facts->hasContentHash) {
        facts->contentHash = hashOf(file);
        facts->hasContentHash = true;
    }
    struct stat status {};
    if (fstat(file.descriptor(), &status) != 0 || !isFactOf(*facts, status))
        return false;  // rewritten while it was read
    store.putFile(key, *facts);
    return true;
}

void Mailbox::State::replaceRewrittenLocked(Uid uid, const struct stat& status) {
    const ListLock lock(*this);
    const Uid next = nextUidLocked();
    const std::shared_ptr<const Snapshot> snapshot = published();
    const auto record = snapshot->find(uid);
    struct stat present {};
    if (!record || lstat(pathOf(*record).c_str(), &present) != 0 || !isSameFile(present, status)) return;
    list.lock()->require();
    // Without the sizes in the old name: they were the old content's.
    const std::string fresh = withFlags(uniqueBaseName() + ":2,", (*record)->flags, (*record)->keywords);
    if (!renameMessageLocked(record->fileName(), (*record)->isInNew, fresh, false)) return;
    try {
        Edit added{recordFor(next, fresh, false, {}), fresh, false};
        added.record.keywords = (*record)->keywords;
        added.record.isRecentUnclaimed = true;
        syncDirectory(directory + "/cur");
        appendRowsLocked(std::span(&added, 1));
        publishEditsLocked({{**record, std::string(record->fileName()), true}}, {added});
    } catch (...) {
        feed->noteOverflow();  // the next look finds a message under the fresh name, without a UID
        timesAreTrusted = false;
        throw;
    }
}

void Mailbox::State::checkContentLocked(Uid uid) {
    const std::optional<FileFacts> known = messageFacts.file(keyOf(uid));
    const std::shared_ptr<const Snapshot> snapshot = published();
    const auto record = snapshot->find(uid);
    if (!known || !record) return;
    const std::string path = pathOf(*record);
    auto opened = openMessage(path);
    if (!opened || isFactOf(*known, opened->status)) return;
    const MessageFile message(std::move(opened->file), path, opened->status);
    if (!isRemembered(keyOf(uid), message, opened->status)) replaceRewrittenLocked(uid, opened->status);
}

}  // namespace maildir
