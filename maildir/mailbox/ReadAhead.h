// Prepares messages that a reader will come to soon, on the cores that the reader does not use: parsing, searching and
// opening files are what a look at many messages waits for. One for the process. Any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "maildir/FileIdentity.h"
#include "maildir/mailbox/Mailbox.h"

namespace maildir {

class ReadAhead {
    struct Job;

public:
    // Not within a FileIdentity::Scope.
    explicit ReadAhead(std::size_t threads);
    ~ReadAhead();
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    // One reader's way through messages, in the order of the list. One thread at a time; not longer than its ReadAhead.
    class Way {
    public:
        Way(ReadAhead& owner, std::shared_ptr<Job> job) : _owner(owner), _job(std::move(job)) {}
        ~Way();  // nobody begins with another message of it
        Way(const Way&) = delete;
        Way& operator=(const Way&) = delete;
        // The reader comes to the message at this position: it is prepared, or nobody is at it. What other threads are
        // at is waited for by preparing what comes later.
        void reach(std::size_t position);

    private:
        ReadAhead& _owner;
        std::shared_ptr<Job> _job;
        std::size_t _batch = SIZE_MAX;  // that the reader is in
    };
    // Makes ready what the reader will need of the message at this position of the list. Any thread, each message once;
    // may throw: the reader comes to it, and tells.
    using Prepare = std::function<void(Mailbox&, Uid, std::size_t position)>;
    // How far others go ahead of the reader: so many batches, of so many messages.
    struct Reach {
        std::size_t batchMessages = 16, batches = 64;
    };
    // Whether all its threads have a reader to help already.
    [[nodiscard]] bool isBusy();
    std::unique_ptr<Way> start(std::shared_ptr<Mailbox> mailbox, std::vector<Uid> uids, Prepare prepare, Reach reach);

private:
    enum class State : std::uint8_t { Free, Taken, Done };
    struct Job {
        std::shared_ptr<Mailbox> mailbox;
        std::vector<Uid> uids;
        Prepare prepare;
        Reach reach;
        std::shared_ptr<const FileIdentity> identity;
        // Guarded by the owner's mutex.
        std::vector<State> batches;
        std::size_t reached = 0;  // batch of the reader
    };

    void run();
    // The next batch of a job that nobody is at, from one on; SIZE_MAX: none.
    static std::size_t take(Job& job, std::size_t from);
    static void prepare(const Job& job, std::size_t batch);
    void finish(Job& job, std::size_t batch);

    std::mutex _mutex;  // guards what follows
    std::condition_variable _work, _done;
    std::list<std::shared_ptr<Job>> _jobs;  // served in turn
    bool _isStopping = false;
    std::vector<std::thread> _threads;
};

// A Way on which something is made of each message, to be taken by the reader.
template <class Value>
class Preparations {
public:
    // Nothing: the reader does without.
    using Make = std::function<std::optional<Value>(Mailbox&, Uid)>;

    Preparations(ReadAhead& ahead, std::shared_ptr<Mailbox> mailbox, std::vector<Uid> uids, Make make,
                 ReadAhead::Reach reach)
        : _made(std::make_shared<std::vector<std::optional<Value>>>(uids.size())),
          _way(ahead.start(
              std::move(mailbox), std::move(uids),
              [made = _made, make = std::move(make)](Mailbox& of, Uid uid, std::size_t position) {
                  (*made)[position] = make(of, uid);
              },
              reach)) {}

    // As Way::reach(), and what was made of the message.
    std::optional<Value> take(std::size_t position) {
        _way->reach(position);
        return std::exchange((*_made)[position], std::nullopt);
    }

private:
    std::shared_ptr<std::vector<std::optional<Value>>> _made;  // by position; of the thread that has its batch
    std::unique_ptr<ReadAhead::Way> _way;
};

}  // namespace maildir
