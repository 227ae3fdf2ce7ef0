#include "maildir/mailbox/MailStore.h"

#include <sys/stat.h>

#include <list>
#include <map>
#include <mutex>
#include <vector>

#include "maildir/mailbox/Saver.h"

namespace maildir {

struct MailStore::State {
    State(Mailbox::Options given, std::size_t kept) : options(std::move(given)), keptRecords(kept) {
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

std::shared_ptr<Mailbox> MailStore::open(const std::string& directory) {
    struct stat status {};
    if (stat((directory + "/cur").c_str(), &status) != 0) throw Error::fromErrno("cannot open the mailbox", directory);
    if (!S_ISDIR(status.st_mode)) throw Error(ErrorKind::NotFound, "no Maildir", directory);
    std::vector<std::shared_ptr<Mailbox>> dropped;
    const std::lock_guard lock(_state->mutex);
    if (const auto found = _state->mailboxes.find(directory); found != _state->mailboxes.end()) {
        const bool isUsable = !found->second.kept->isGone() && found->second.kept->isOf(status);
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
    auto mailbox = std::make_shared<Mailbox>(directory, _state->options);
    _state->uses.push_front(directory);
    _state->mailboxes[directory] = {mailbox, _state->uses.begin()};
    for (auto& each : _state->trim()) dropped.push_back(std::move(each));
    if (_state->saver) _state->saver->close(dropped);
    return mailbox;
}

void MailStore::forget(const std::string& directory) {
    std::vector<std::shared_ptr<Mailbox>> gone;
    {
        const std::lock_guard lock(_state->mutex);
        for (auto each = _state->mailboxes.begin(); each != _state->mailboxes.end();) {
            const std::string& path = each->first;
            const bool isBelow = path == directory || path.starts_with(directory + "/");
            if (!isBelow) {
                ++each;
                continue;
            }
            gone.push_back(std::move(each->second.kept));
            _state->uses.erase(each->second.use);
            each = _state->mailboxes.erase(each);
        }
    }
    for (const auto& each : gone) each->markGone();
    if (!_state->options.cache) return;
    for (const auto& each : gone) _state->options.cache->remove(each->directory());
    _state->options.cache->remove(directory);
}

}  // namespace maildir
