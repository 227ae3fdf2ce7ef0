#include "imapd/session/Services.h"

#include <Poco/Logger.h>

#include <algorithm>
#include <thread>

#include "maildir/cache/CacheFolder.h"
#include "maildir/watch/Watcher.h"

namespace imapd {

namespace {

constexpr std::size_t maxQueuedSignIns = 1000;

using Counts = std::map<std::string, std::size_t>;

std::size_t countOf(const Counts& counts, const std::string& key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
}

void countDown(Counts& counts, const std::string& key) {
    if (const auto found = counts.find(key); found != counts.end() && --found->second == 0) counts.erase(found);
}

}  // namespace

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
    : _commands(commands), _inForce(inForceFrom(std::move(environment), nullptr)) {
    const Policy& policy = *_inForce.policy;
    maildir::Watcher::Options watching;
    watching.pollIntervalMs = static_cast<int>(policy.pollInterval.count()) * 1000;
    watching.useInotify = policy.useInotify;
    watching.log = [this](const std::string& line) { log(line, true); };
    _watcher = std::make_shared<maildir::Watcher>(std::move(watching));
    maildir::Mailbox::Options options;
    options.facts = maildir::makeMemoryFactStore(policy.cacheMemoryOctets);
    options.watcher = _watcher;
    if (!policy.statePath.empty() && policy.cacheFileOctets > 0) {
        options.cache = std::make_shared<maildir::CacheFolder>(policy.statePath + "/cache", policy.cacheFileOctets,
                                                               [this](const std::string& line) { log(line, true); });
    }
    options.renderings = std::make_shared<maildir::Renderings>(policy.statePath);
    options.columns = std::make_shared<maildir::Columns>();
    _store = std::make_unique<maildir::MailStore>(std::move(options), policy.keptRecords);
    // A session has one core; the others, at least one, are for what it will come to.
    _readAhead = std::make_unique<maildir::ReadAhead>(std::max(2u, std::thread::hardware_concurrency()) - 1);
    _pool = std::make_unique<JobPool>(policy.authenticationWorkers, maxQueuedSignIns);
}

Services::~Services() {
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
    InForce next = inForceFrom(std::move(environment), desk().get());
    const std::lock_guard lock(_mutex);
    _past.push_back(std::exchange(_inForce, std::move(next)));
}

const maildock::SizeStrategy& Services::sizeStrategy() const {
    const std::lock_guard lock(_mutex);
    return *_inForce.environment->sizeStrategy;
}

void Services::log(const std::string& line, bool isWarning) const {
    Poco::Logger* const logger = environment()->logger;
    if (isWarning)
        logger->warning(line);
    else
        logger->information(line);
}

bool Services::admitConnection(const std::string& address) {
    const std::shared_ptr<const Policy> limits = policy();
    const std::lock_guard lock(_countsMutex);
    const std::size_t count = countOf(_byAddress, address);
    // An address that waits with no other connection gets in: else one that opens many and keeps silent would lock out
    // everybody else.
    const bool isTooManyToWait = limits->maxUnauthenticated != 0 && _unauthenticated >= limits->maxUnauthenticated &&
                                 countOf(_unauthenticatedByAddress, address) > 0;
    if ((limits->maxConnectionsPerAddress != 0 && count >= limits->maxConnectionsPerAddress) ||
        (limits->maxConnections != 0 && _connections >= limits->maxConnections) || isTooManyToWait) {
        return false;
    }
    ++_byAddress[address];
    ++_connections;
    ++_unauthenticatedByAddress[address];
    ++_unauthenticated;
    return true;
}

void Services::signedIn(const std::string& address) {
    const std::lock_guard lock(_countsMutex);
    --_unauthenticated;
    countDown(_unauthenticatedByAddress, address);
}

void Services::departConnection(const std::string& address, bool wasSignedIn) {
    if (!wasSignedIn) signedIn(address);
    const std::lock_guard lock(_countsMutex);
    --_connections;
    countDown(_byAddress, address);
}

bool Services::admitUser(const std::string& user, const std::string& address) {
    const std::size_t most = policy()->maxConnectionsPerUserAndAddress;
    const std::lock_guard lock(_countsMutex);
    std::size_t& count = _byUserAndAddress[user + "\n" + address];
    if (most != 0 && count >= most) return false;
    ++count;
    return true;
}

void Services::departUser(const std::string& user, const std::string& address) {
    const std::lock_guard lock(_countsMutex);
    countDown(_byUserAndAddress, user + "\n" + address);
}

}  // namespace imapd
