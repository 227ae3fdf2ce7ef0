// Where the keys of the token server come from. Any thread may ask.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "plugins/auth-oauth2/KeySet.h"
#include "plugins/common/BoundedCalls.h"

namespace maildock::oauth2 {

class KeySource {
public:
    struct Found {
        std::shared_ptr<const KeySet> keys;  // null: none were ever had
        std::string fault;  // why newer ones can't be had, for the log; empty: these are the ones that there are
    };

    virtual ~KeySource() = default;
    [[nodiscard]] virtual Found keys() = 0;
    // After these keys had none that a token names: others, if there are any.
    [[nodiscard]] virtual Found keysAfter(const std::shared_ptr<const KeySet>& known) = 0;
};

// A file, read again when it changes; what can't be read leaves the keys that were there.
class FileKeys : public KeySource {
public:
    explicit FileKeys(std::string path) : _path(std::move(path)) {}
    [[nodiscard]] Found keys() override;
    [[nodiscard]] Found keysAfter(const std::shared_ptr<const KeySet>& /*known*/) override { return keys(); }

    // Throws std::runtime_error.
    [[nodiscard]] static std::shared_ptr<const KeySet> read(const std::string& path, struct stat& status);

private:
    const std::string _path;
    std::mutex _mutex;  // guards what follows
    Found _found;
    struct stat _read {};
    bool _isSettled = false;  // the file was not being changed when it was read
};

// What a server gives, fetched when it is first needed, again when it is older than `lifetime`, and when a token names
// a key that is not among them; but no oftener than each `interval`, whoever asks with whatever tokens. While there are
// keys nobody waits for newer ones but he whose key is missing. A server that is down leaves the keys that were had.
class FetchedKeys : public KeySource {
public:
    using Clock = std::chrono::steady_clock;
    struct Times {
        std::chrono::milliseconds lifetime, interval, patience;
    };

    // fetch: gives the keys or throws; it may hang, on a thread of its own, and owns all that it uses. name: for the
    // log.
    FetchedKeys(std::string name, std::function<std::shared_ptr<const KeySet>()> fetch, Times times);
    [[nodiscard]] Found keys() override;
    [[nodiscard]] Found keysAfter(const std::shared_ptr<const KeySet>& known) override;

private:
    struct State {
        std::mutex mutex;  // guards what follows; not held while a server is asked
        std::condition_variable news;
        std::shared_ptr<const KeySet> keys;
        std::string fault;  // of the last attempt
        bool isFetching = false;
        std::size_t waiting = 0;
        std::optional<Clock::time_point> triedAt, fetchedAt;
    };
    // Begins to fetch unless that is at work already, or was not long enough ago. With the mutex held.
    void beginFetching();
    [[nodiscard]] Found waitFor(std::unique_lock<std::mutex>& lock);
    static void fetchInto(State& state, const std::string& name,
                          const std::function<std::shared_ptr<const KeySet>()>& fetch);

    const std::string _name;
    const std::function<std::shared_ptr<const KeySet>()> _fetch;
    const Times _times;
    const std::shared_ptr<State> _state;  // the fetching thread's too
    common::BoundedCalls _calls;
};

}  // namespace maildock::oauth2
