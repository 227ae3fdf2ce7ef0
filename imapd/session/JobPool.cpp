#include "imapd/session/JobPool.h"

#include "maildir/FileIdentity.h"

namespace imapd {

JobPool::JobPool(std::size_t threads, std::size_t maxQueued) : _maxQueued(maxQueued) {
    for (std::size_t i = 0; i < threads; ++i) _threads.emplace_back([this] { run(); });
}

JobPool::~JobPool() {
    std::deque<std::function<void()>> dropped;
    {
        const std::lock_guard lock(_mutex);
        _stops = true;
        dropped.swap(_queue);
    }
    _news.notify_all();
    for (std::thread& thread : _threads) thread.join();
}

bool JobPool::submit(std::function<void()> job) {
    if (auto identity = maildir::FileIdentity::current()) {
        job = [identity = std::move(identity), carried = std::move(job)] {
            const maildir::FileIdentity::Scope scope(identity);
            carried();
        };
    }
    {
        const std::lock_guard lock(_mutex);
        if (_stops || _queue.size() >= _maxQueued) return false;
        _queue.push_back(std::move(job));
    }
    _news.notify_one();
    return true;
}

void JobPool::run() {
    std::unique_lock lock(_mutex);
    for (;;) {
        _news.wait(lock, [this] { return _stops || !_queue.empty(); });
        if (_stops) return;
        std::function<void()> job = std::move(_queue.front());
        _queue.pop_front();
        lock.unlock();
        job();
        job = nullptr;
        lock.lock();
    }
}

}  // namespace imapd
