#include "plugins/auth-oauth2/KeySource.h"

#include <Poco/Logger.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <system_error>

namespace maildock::oauth2 {

namespace {

Poco::Logger& logger() {
    return Poco::Logger::get("auth-oauth2");
}

void tellKeys(const std::string& from, const KeySet& keys) {
    for (const std::string& fault : keys.faults()) {
        std::string line = from;
        logger().notice(line.append(": ").append(fault).append(": left out"));
    }
    logger().information(from + ": read, " + std::to_string(keys.size()) + " keys");
}

bool isSameFile(const struct stat& one, const struct stat& other) {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino && one.st_size == other.st_size &&
           one.st_ctim.tv_sec == other.st_ctim.tv_sec && one.st_ctim.tv_nsec == other.st_ctim.tv_nsec;
}

}  // namespace

std::shared_ptr<const KeySet> FileKeys::read(const std::string& path, struct stat& status) {
    const auto fail = [&path](const std::string& why) { throw std::runtime_error(path + " " + why); };
    if (::stat(path.c_str(), &status) != 0) fail("can't be read: " + std::generic_category().message(errno));
    if (!S_ISREG(status.st_mode)) fail("is not a regular file");
    std::ifstream file(path, std::ios::binary);
    std::string text(KeySet::maxOctets + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) fail("can't be read");
    text.resize(static_cast<std::size_t>(file.gcount()));
    try {
        return KeySet::parse(text);
    } catch (const JsonError& e) {
        fail(e.what());
    }
    return nullptr;
}

KeySource::Found FileKeys::keys() {
    const std::lock_guard lock(_mutex);
    struct stat now {};
    if (_isSettled && ::stat(_path.c_str(), &now) == 0 && isSameFile(now, _read)) return _found;
    try {
        auto keys = read(_path, now);
        const bool isNew = !_found.keys || !isSameFile(now, _read);
        // Times have a granularity: what was written in the last two seconds is read once more the next time.
        const std::time_t age = std::time(nullptr) - now.st_ctim.tv_sec;
        _isSettled = age < 0 || age > 2;
        _read = now;
        _found = {std::move(keys), ""};
        if (isNew) tellKeys(_path, *_found.keys);
    } catch (const std::runtime_error& e) {
        if (_found.fault != e.what())
            logger().warning(std::string(e.what()) + (_found.keys ? ": the keys before stay in use" : ""));
        _found.fault = e.what();
        _isSettled = false;
    }
    return _found;
}

FetchedKeys::FetchedKeys(std::string name, std::function<std::shared_ptr<const KeySet>()> fetch, Times times)
    : _name(std::move(name)),
      _fetch(std::move(fetch)),
      _times(times),
      _state(std::make_shared<State>()),
      _calls(1, times.patience, nullptr) {}

void FetchedKeys::fetchInto(State& state, const std::string& name,
                            const std::function<std::shared_ptr<const KeySet>()>& fetch) {
    std::shared_ptr<const KeySet> keys;
    std::string fault;
    try {
        keys = fetch();
        if (keys->size() == 0) fault = "has no key that can be used";
    } catch (const std::exception& e) {
        fault = e.what();
    }
    bool isChanged = false, hadKeys = false;
    {
        const std::lock_guard lock(state.mutex);
        isChanged = fault.empty() ? !state.fault.empty() || !state.keys : state.fault != fault;
        hadKeys = state.keys != nullptr;
        state.fault = fault;
        state.isFetching = false;
        state.triedAt = Clock::now();
        if (fault.empty()) {
            state.keys = keys;
            state.fetchedAt = state.triedAt;
        }
        state.news.notify_all();
    }
    if (fault.empty() && isChanged) tellKeys(name, *keys);
    if (!fault.empty() && isChanged)
        logger().warning(name + ": " + fault + (hadKeys ? ": the keys before stay in use" : ""));
}

void FetchedKeys::beginFetching() {
    State& state = *_state;
    if (state.isFetching || (state.triedAt && Clock::now() - *state.triedAt < _times.interval)) return;
    state.isFetching = true;
    if (_calls.post([shared = _state, name = _name, fetch = _fetch] { fetchInto(*shared, name, fetch); })) return;
    state.isFetching = false;
    state.triedAt = Clock::now();
    state.fault = "there is no thread to be had";
}

KeySource::Found FetchedKeys::waitFor(std::unique_lock<std::mutex>& lock) {
    State& state = *_state;
    // A server that did not answer the last time may hang: one log-in finds out, the others keep their threads.
    if (state.waiting > 0 && !state.fault.empty()) return {state.keys, _name + ": " + state.fault};
    ++state.waiting;
    const bool isDone = state.news.wait_for(lock, _times.patience, [&state] { return !state.isFetching; });
    --state.waiting;
    if (!isDone) return {state.keys, _name + ": no answer in time"};
    return {state.keys, state.fault.empty() ? "" : _name + ": " + state.fault};
}

KeySource::Found FetchedKeys::keys() {
    std::unique_lock lock(_state->mutex);
    const bool isDue = !_state->fetchedAt || Clock::now() - *_state->fetchedAt >= _times.lifetime;
    if (isDue) beginFetching();
    if (!_state->keys) return waitFor(lock);
    return {_state->keys, _state->fault};
}

KeySource::Found FetchedKeys::keysAfter(const std::shared_ptr<const KeySet>& known) {
    std::unique_lock lock(_state->mutex);
    if (_state->keys == known) {
        beginFetching();
        return waitFor(lock);
    }
    return {_state->keys, _state->fault};
}

}  // namespace maildock::oauth2
