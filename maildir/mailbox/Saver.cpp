#include "maildir/mailbox/Saver.h"

#include <chrono>
#include <utility>

namespace maildir {

Saver::Saver(std::shared_ptr<CacheFolder> folder, Next next)
    : _folder(std::move(folder)), _next(std::move(next)), _thread([this] { run(); }) {}

Saver::~Saver() {
    stop();
}

void Saver::stop() {
    {
        const std::lock_guard lock(_mutex);
        if (_isStopping) return;
        _isStopping = true;
    }
    _wake.notify_one();
    _thread.join();
}

void Saver::noteUnsaved() {
    {
        const std::lock_guard lock(_mutex);
        if (std::exchange(_hasWork, true)) return;
    }
    _wake.notify_one();
}

void Saver::watchSoon(std::shared_ptr<Mailbox> mailbox) {
    {
        const std::lock_guard lock(_mutex);
        if (_isStopping) return;
        _toWatch.push_back(std::move(mailbox));
    }
    _wake.notify_one();
}

void Saver::close(std::vector<std::shared_ptr<Mailbox>>& mailboxes) {
    {
        const std::lock_guard lock(_mutex);
        if (mailboxes.empty() || _isStopping) return;
        for (auto& each : mailboxes) _closing.push_back(std::move(each));
        mailboxes.clear();
        _hasWork = true;
    }
    _wake.notify_one();
}

void Saver::run() {
    constexpr std::chrono::milliseconds round(250), untilAnswered(50);
    std::unique_lock lock(_mutex);
    while (!_isStopping) {
        _wake.wait(lock, [this] { return _hasWork || _isStopping || !_toWatch.empty(); });
        if (_hasWork)
            _wake.wait_for(lock, round, [this] { return _isStopping || !_closing.empty() || !_toWatch.empty(); });
        if (!_toWatch.empty()) {
            // A new watch holds the directory in the kernel for some milliseconds (all of its cached names are walked):
            // the command that opened the mailbox is to be over by then.
            _wake.wait_for(lock, untilAnswered, [this] { return _isStopping; });
            lock.unlock();
            watchWaiting();
            lock.lock();
            continue;
        }
        _hasWork = false;
        std::vector<std::shared_ptr<Mailbox>> closing = std::exchange(_closing, {});
        lock.unlock();
        for (const auto& each : closing) each->save(true);
        closing.clear();
        const bool isMore = saveOpen(false);
        _folder->trim();
        lock.lock();
        _hasWork = _hasWork || isMore;
    }
    const std::vector<std::shared_ptr<Mailbox>> closing = std::exchange(_closing, {});
    lock.unlock();
    for (const auto& each : closing) each->save(true);
    (void)saveOpen(true);
}

void Saver::watchWaiting() {
    std::vector<std::shared_ptr<Mailbox>> mailboxes;
    {
        const std::lock_guard lock(_mutex);
        mailboxes.swap(_toWatch);
    }
    for (const auto& each : mailboxes) each->finishWatching();
}

// Whether something is left for later.
bool Saver::saveOpen(bool isLast) {
    bool isMore = false;
    std::string directory;
    while (const std::shared_ptr<Mailbox> mailbox = _next(directory)) {
        directory = mailbox->directory();
        watchWaiting();  // saving may take a while
        const Mailbox::Saving saving = mailbox->saving();
        if (saving == Mailbox::Saving::Now || isLast) mailbox->save(isLast);
        isMore = isMore || saving != Mailbox::Saving::Nothing;
    }
    return isMore;
}

}  // namespace maildir
