#include "maildir/mailbox/ReadAhead.h"

#include <algorithm>

#include "maildir/Patience.h"

namespace maildir {

ReadAhead::ReadAhead(std::size_t threads) {
    for (std::size_t number = 0; number < threads; ++number) _threads.emplace_back([this] { run(); });
}

ReadAhead::~ReadAhead() {
    {
        const std::lock_guard lock(_mutex);
        _isStopping = true;
    }
    _work.notify_all();
    for (std::thread& thread : _threads) thread.join();
}

bool ReadAhead::isBusy() {
    const std::lock_guard lock(_mutex);
    return _jobs.size() >= _threads.size();
}

std::unique_ptr<ReadAhead::Way> ReadAhead::start(std::shared_ptr<Mailbox> mailbox, std::vector<Uid> uids,
                                                 Prepare prepare, Reach reach) {
    auto job = std::make_shared<Job>();
    job->mailbox = std::move(mailbox);
    job->uids = std::move(uids);
    job->prepare = std::move(prepare);
    job->reach = reach;
    job->identity = FileIdentity::current();
    job->batches.resize((job->uids.size() + reach.batchMessages - 1) / reach.batchMessages, State::Free);
    {
        const std::lock_guard lock(_mutex);
        _jobs.push_back(job);
    }
    _work.notify_all();
    return std::make_unique<Way>(*this, std::move(job));
}

std::size_t ReadAhead::take(Job& job, std::size_t from) {
    const std::size_t end = std::min(job.batches.size(), job.reached + 1 + job.reach.batches);
    for (std::size_t batch = from; batch < end; ++batch) {
        if (job.batches[batch] != State::Free) continue;
        job.batches[batch] = State::Taken;
        return batch;
    }
    return SIZE_MAX;
}

void ReadAhead::prepare(const Job& job, std::size_t batch) {
    const std::size_t end = std::min(job.uids.size(), (batch + 1) * job.reach.batchMessages);
    for (std::size_t number = batch * job.reach.batchMessages; number < end; ++number) {
        try {
            job.prepare(*job.mailbox, job.uids[number], number);
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the reader comes to it, and tells
        }
    }
}

void ReadAhead::finish(Job& job, std::size_t batch) {
    {
        const std::lock_guard lock(_mutex);
        job.batches[batch] = State::Done;
    }
    _done.notify_all();
}

void ReadAhead::run() {
    std::unique_lock lock(_mutex);
    while (!_isStopping) {
        std::shared_ptr<Job> job;
        std::size_t batch = SIZE_MAX;
        for (auto each = _jobs.begin(); each != _jobs.end() && batch == SIZE_MAX; ++each) {
            batch = take(**each, (*each)->reached + 1);
            if (batch == SIZE_MAX) continue;
            job = *each;
            _jobs.splice(_jobs.end(), _jobs, each);  // the next time another one is served first
            break;
        }
        if (!job) {
            _work.wait(lock);
            continue;
        }
        lock.unlock();
        try {
            const FileIdentity::Scope scope(job->identity);
            const Patience::Scope patience(Patience::Kind::Returns);
            prepare(*job, batch);
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the reader has to do it
        }
        finish(*job, batch);
        job.reset();
        lock.lock();
    }
}

void ReadAhead::Way::reach(std::size_t position) {
    const std::size_t batch = position / _job->reach.batchMessages;
    if (batch == _batch) return;
    _batch = batch;
    std::unique_lock lock(_owner._mutex);
    _job->reached = batch;
    // Whoever was as far ahead as it may go is woken for a good piece, not for each batch.
    if (batch % std::max<std::size_t>(_job->reach.batches / 2, 1) == 0) _owner._work.notify_all();
    while (_job->batches[batch] == State::Taken) {
        const std::size_t other = take(*_job, batch + 1);
        if (other == SIZE_MAX) {
            _owner._done.wait(lock);
            continue;
        }
        lock.unlock();
        prepare(*_job, other);
        _owner.finish(*_job, other);
        lock.lock();
    }
    _job->batches[batch] = State::Done;
}

ReadAhead::Way::~Way() {
    const std::lock_guard lock(_owner._mutex);
    _owner._jobs.remove(_job);
}

}  // namespace maildir
