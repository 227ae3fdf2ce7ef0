#include "maildir/mailbox/MailStore.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "maildir/FileIdentity.h"
#include "maildir/FileOps.h"
#include "maildir/NewMail.h"
#include "maildir/mailbox/Saver.h"

namespace maildir {

struct MailStore::State {
    State(Mailbox::Options given, std::size_t kept) : options(std::move(given)), keptRecords(kept) {
        if (!options.toldOfLinks) options.toldOfLinks = std::make_shared<ToldOnce>();
        if (!options.cache) return;
        saver =
            std::make_shared<Saver>(options.cache, [this](const std::string& directory) { return after(directory); });
        const std::weak_ptr<Saver> weak = saver;
        options.onUnsaved = [weak] {
            if (const auto present = weak.lock()) present->noteUnsaved();
        };
        options.onWatchDue = [weak](const std::shared_ptr<Mailbox>& mailbox) {
            if (const auto present = weak.lock()) present->watchSoon(mailbox);
        };
    }
    ~State() {
        if (saver) saver->stop();
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    Mailbox::Options options;
    const std::size_t keptRecords;
    std::shared_ptr<Saver> saver;  // null without a cache

    std::mutex mutex;  // guards what follows; no file is touched under it
    struct Entry {
        std::shared_ptr<Mailbox> kept;
        std::list<std::string>::iterator use;
    };
    std::map<std::string, Entry> mailboxes;
    std::list<std::string> uses;  // directories, most recently opened first
    std::size_t openedSinceTrim = 0;

    // Lets go of mailboxes beyond the budget that nobody uses. Their ends (which touch files) are the caller's, outside
    // the lock.
    std::vector<std::shared_ptr<Mailbox>> trim() {
        std::vector<std::shared_ptr<Mailbox>> dropped;
        // It looks at all of them: where they are many, not at each opening.
        constexpr std::size_t few = 256, opened = 32;
        if (mailboxes.size() > few && ++openedSinceTrim < opened) return dropped;
        openedSinceTrim = 0;
        std::size_t records = 0;
        for (auto use = uses.begin(); use != uses.end();) {
            const auto entry = mailboxes.find(*use);
            const std::shared_ptr<Mailbox>& kept = entry->second.kept;
            // Each costs two watches and some memory, about 8 KiB, even if it is empty.
            constexpr std::size_t mailboxCost = 80;
            records += kept->size() + mailboxCost;
            const bool isUnused = kept.use_count() == 1;
            if (!isUnused || (records <= keptRecords && !kept->isGone())) {
                ++use;
                continue;
            }
            dropped.push_back(std::move(entry->second.kept));
            mailboxes.erase(entry);
            use = uses.erase(use);
        }
        return dropped;
    }

    // Open at this directory, or null: also if it is the one with the cur/ `besides`.
    std::shared_ptr<Mailbox> known(const std::string& directory, const struct stat* besides = nullptr);

    // The first open mailbox whose directory comes after this one; null: there is none.
    std::shared_ptr<Mailbox> after(const std::string& directory) {
        const std::lock_guard lock(mutex);
        const auto found = mailboxes.upper_bound(directory);
        if (found != mailboxes.end()) return found->second.kept;
        return nullptr;
    }
};

MailStore::MailStore(Mailbox::Options options, std::size_t keptRecords)
    : _state(std::make_unique<State>(std::move(options), keptRecords)) {}

MailStore::~MailStore() = default;

namespace {

// What is at the path as a directory.
std::optional<struct stat> directoryAt(const std::string& path) {
    std::optional<struct stat> status = statusIfThere(path);
    if (status && !S_ISDIR(status->st_mode)) status.reset();
    return status;
}

// The cur/ of a mailbox that nothing is known of; nothing if it has none yet, but mail in its new/ (NewMail.h). Throws
// NotFound if it is proven that there is no mailbox.
std::optional<struct stat> curOf(const std::string& directory, const std::string& root) {
    if (!root.empty()) {
        if (!directoryAt(root)) throw Error(ErrorKind::Unavailable, "the root of the mail is not there", root);
    }
    const bool isThere = directoryAt(directory).has_value();
    if (isThere) {
        if (auto cur = directoryAt(directory + "/cur")) return cur;
        if (hasNewMail(AT_FDCWD, directory)) return std::nullopt;
    }
    // INBOX always exists (RFC 3501 5.1).
    if (directory == root) throw Error(ErrorKind::Unavailable, "the root of the mail has no cur/", root);
    throw Error(ErrorKind::NotFound, isThere ? "no Maildir" : "no such mailbox", directory);
}

}  // namespace

std::shared_ptr<Mailbox> MailStore::State::known(const std::string& directory, const struct stat* besides) {
    const std::lock_guard lock(mutex);
    const auto found = mailboxes.find(directory);
    if (found == mailboxes.end() || (besides != nullptr && found->second.kept->isOf(*besides))) return nullptr;
    return found->second.kept;
}

std::shared_ptr<Mailbox> MailStore::open(const std::string& directory, std::optional<TreePlace> tree) {
    const std::string root = tree ? tree->root : std::string();
    struct stat status {};
    const bool isThere = stat((directory + "/cur").c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    std::optional<struct stat> cur = isThere ? std::optional(status) : std::nullopt;
    {
        // One that is known, and is not proven to be gone, stays what it is until that can be told.
        const std::shared_ptr<Mailbox> doubtful = _state->known(directory, isThere ? &status : nullptr);
        if (doubtful && doubtful->isOfCurrentUser()) (void)doubtful->isPresent();
        if (!isThere || doubtful) cur = curOf(directory, root);
    }
    std::vector<std::shared_ptr<Mailbox>> dropped;
    const std::lock_guard lock(_state->mutex);
    if (const auto found = _state->mailboxes.find(directory); found != _state->mailboxes.end()) {
        const bool isUsable = !found->second.kept->isGone() && (!cur || found->second.kept->isOf(*cur));
        // What one user of the system may read, another must not see.
        const bool isOfAnother = !found->second.kept->isOfCurrentUser();
        if (isUsable && isOfAnother && found->second.kept.use_count() > 1) {
            throw Error(ErrorKind::Busy, "the mailbox is open for another user of the system", directory);
        }
        if (isUsable && !isOfAnother) {
            _state->uses.splice(_state->uses.begin(), _state->uses, found->second.use);
            found->second.kept->noteOpened();
            return found->second.kept;
        }
        dropped.push_back(std::move(found->second.kept));
        _state->uses.erase(found->second.use);
        _state->mailboxes.erase(found);
    }
    Mailbox::Options options = _state->options;
    options.tree = std::move(tree);
    auto mailbox = std::make_shared<Mailbox>(directory, std::move(options), root);
    _state->uses.push_front(directory);
    _state->mailboxes[directory] = {mailbox, _state->uses.begin()};
    for (auto& each : _state->trim()) dropped.push_back(std::move(each));
    if (_state->saver) _state->saver->close(dropped);
    return mailbox;
}

void MailStore::forget(const std::string& directory) {
    std::shared_ptr<Mailbox> gone;
    {
        const std::lock_guard lock(_state->mutex);
        if (const auto found = _state->mailboxes.find(directory); found != _state->mailboxes.end()) {
            gone = std::move(found->second.kept);
            _state->uses.erase(found->second.use);
            _state->mailboxes.erase(found);
        }
    }
    if (gone) gone->markGone();
    if (!_state->options.cache) return;
    if (gone) _state->options.cache->remove(gone->factsName());
    _state->options.cache->remove(FileIdentity::nameFor(directory, FileIdentity::current()));
}

void MailStore::requireRoot(const std::string& root) const {
    std::shared_ptr<Mailbox> one = _state->known(root);
    if (!one) {
        const std::lock_guard lock(_state->mutex);
        const auto below = _state->mailboxes.lower_bound(root + "/");
        if (below != _state->mailboxes.end() && below->first.starts_with(root + "/")) one = below->second.kept;
    }
    if (one && !one->isGone()) one->requireRoot();
}

}  // namespace maildir
