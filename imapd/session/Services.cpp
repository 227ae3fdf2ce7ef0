#include "imapd/session/Services.h"

#include <Poco/Logger.h>

#include <algorithm>
#include <thread>

#include "maildir/cache/CacheFolder.h"
#include "maildir/watch/Watcher.h"

namespace imapd {

namespace {

constexpr std::size_t maxQueuedSignIns = 1000;

}  // namespace

struct Services::Disposal {
    std::mutex mutex;         // guards pool, and the pool while something is handed to it
    JobPool* pool = nullptr;  // null before it is made and once it ends: then whoever lets go frees

    void dispose(std::shared_ptr<const maildock::Environment> environment) {
        const std::lock_guard lock(mutex);
        if (pool != nullptr) (void)pool->submit([kept = std::move(environment)] {});
    }
};

// The libraries of plugins outlive what they made: each plugin holds its own (host::Loader).
std::shared_ptr<const maildock::Environment> Services::held(
    std::shared_ptr<const maildock::Environment> environment) const {
    const maildock::Environment* const address = environment.get();
    return {address, [kept = std::move(environment), disposal = _disposal](const maildock::Environment*) mutable {
                disposal->dispose(std::move(kept));
            }};
}

Services::InForce Services::inForceFrom(std::shared_ptr<const maildock::Environment> environment,
                                        const maildock::signin::Desk* previous) {
    auto policy = std::make_shared<const Policy>(Policy::from(*environment->settings));
    auto desk = std::make_shared<const maildock::signin::Desk>(environment, previous);
    for (const std::string& mechanism : desk->unserved(policy->mechanisms)) {
        environment->logger->warning("auth.mechanisms names " + mechanism +
                                     ", which no plugin serves: it is not offered");
    }
    return {std::move(environment), std::move(policy), std::move(desk)};
}

Services::Services(std::shared_ptr<const maildock::Environment> environment, CommandSet commands)
    : _commands(commands),
      _disposal(std::make_shared<Disposal>()),
      _inForce(inForceFrom(held(std::move(environment)), nullptr)) {
    const Policy& policy = *_inForce.policy;
    maildir::Watcher::Options watching;
    watching.pollIntervalMs = static_cast<int>(policy.pollInterval.count()) * 1000;
    watching.mode = policy.watch;
    watching.warn = [this](const std::string& line) { log(line, LogLevel::Warning); };
    watching.inform = [this](const std::string& line) { log(line, LogLevel::Notice); };
    _watcher = std::make_shared<maildir::Watcher>(std::move(watching));
    maildir::Mailbox::Options options;
    options.facts = maildir::makeMemoryFactStore(policy.cacheMemoryOctets);
    options.watcher = _watcher;
    options.log = [this](const std::string& line) { log(line, LogLevel::Warning); };
    if (!policy.statePath.empty() && policy.cacheFileOctets > 0) {
        options.cache =
            std::make_shared<maildir::CacheFolder>(policy.statePath + "/cache", policy.cacheFileOctets,
                                                   [this](const std::string& line) { log(line, LogLevel::Warning); });
    }
    options.renderings = std::make_shared<maildir::Renderings>(policy.statePath);
    options.columns = std::make_shared<maildir::Columns>();
    _store = std::make_unique<maildir::MailStore>(std::move(options), policy.keptRecords);
    // A session has one core; the others, at least one, are for what it will come to.
    _readAhead = std::make_unique<maildir::ReadAhead>(std::max(2u, std::thread::hardware_concurrency()) - 1);
    _pool = std::make_unique<JobPool>(policy.authenticationWorkers, maxQueuedSignIns);
    const std::lock_guard lock(_disposal->mutex);
    _disposal->pool = _pool.get();
}

Services::~Services() {
    {
        const std::lock_guard lock(_disposal->mutex);
        _disposal->pool = nullptr;
    }
    _pool.reset();
}

std::shared_ptr<const Policy> Services::policy() const {
    const std::lock_guard lock(_mutex);
    return _inForce.policy;
}

std::shared_ptr<const maildock::Environment> Services::environment() const {
    const std::lock_guard lock(_mutex);
    return _inForce.environment;
}

std::shared_ptr<const maildock::signin::Desk> Services::desk() const {
    const std::lock_guard lock(_mutex);
    return _inForce.desk;
}

void Services::reload(std::shared_ptr<const maildock::Environment> environment) {
    InForce next = inForceFrom(held(std::move(environment)), desk().get());
    const std::lock_guard lock(_mutex);
    std::swap(_inForce, next);
}

std::shared_ptr<const maildock::SizeStrategy> Services::sizeStrategy() const {
    const std::lock_guard lock(_mutex);
    return _inForce.environment->sizeStrategy;
}

void Services::log(const std::string& line, LogLevel level) const {
    Poco::Logger& logger = *environment()->logger;
    switch (level) {
        case LogLevel::Debug:
            return logger.debug(line);
        case LogLevel::Information:
            return logger.information(line);
        case LogLevel::Notice:
            return logger.notice(line);
        case LogLevel::Warning:
            return logger.warning(line);
        case LogLevel::Error:
            return logger.error(line);
    }
}

}  // namespace imapd
