// A bounded pool of threads for what may block (authentication plugins), so that the threads that serve connections
// never wait. Any thread may submit.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace imapd {

class JobPool {
public:
    JobPool(std::size_t threads, std::size_t maxQueued);
    // Waits for the jobs that run; those queued are dropped.
    ~JobPool();
    // False: the queue is full; the job is not taken. It runs with the file rights of the thread that submits it.
    bool submit(std::function<void()> job);

private:
    void run();
    const std::size_t _maxQueued;
    std::mutex _mutex;  // guards what follows
    std::condition_variable _news;
    std::deque<std::function<void()>> _queue;
    bool _stops = false;
    std::vector<std::thread> _threads;
};

}  // namespace imapd
