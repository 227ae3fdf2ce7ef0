// What all sessions of the module share: the settings in force, the open mailboxes, the pool on which plugins answer,
// the count of connections. Made by the module; outlives every session. Any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "imapd/session/CommandRow.h"
#include "imapd/session/ConnectionCounts.h"
#include "imapd/session/JobPool.h"
#include "imapd/session/LogLevel.h"
#include "imapd/session/OctetPool.h"
#include "imapd/session/Policy.h"
#include "imapd/session/Unreadable.h"
#include "maildir/mailbox/MailStore.h"
#include "maildir/mailbox/ReadAhead.h"
#include "modules/api/Module.h"
#include "modules/signin/Desk.h"

namespace imapd {

class Services {
public:
    Services(std::shared_ptr<const maildock::Environment> environment, CommandSet commands);
    ~Services();

    [[nodiscard]] const CommandSet& commands() const { return _commands; }
    // What is in force now; a session keeps what it began with. Plugins and their desk live for as long as anybody
    // holds one of these, and no longer: a sign-in holds the desk, and a session that has signed in nothing of them.
    [[nodiscard]] std::shared_ptr<const Policy> policy() const;
    [[nodiscard]] std::shared_ptr<const maildock::Environment> environment() const;
    [[nodiscard]] std::shared_ptr<const maildock::signin::Desk> desk() const;
    void reload(std::shared_ptr<const maildock::Environment> environment);

    [[nodiscard]] std::shared_ptr<const maildock::SizeStrategy> sizeStrategy() const;
    [[nodiscard]] maildir::MailStore& store() { return *_store; }
    [[nodiscard]] maildir::ReadAhead& readAhead() { return *_readAhead; }
    // For contents of messages that are held until they are sent.
    [[nodiscard]] const std::shared_ptr<OctetPool>& contentMemory() const { return _contentMemory; }
    [[nodiscard]] JobPool& authenticationPool() { return *_pool; }
    // Whether STARTTLS can be offered.
    [[nodiscard]] bool hasTls() const { return _hasTls; }
    void setHasTls(bool hasTls) { _hasTls = hasTls; }
    void log(const std::string& line, LogLevel level = LogLevel::Information) const;

    [[nodiscard]] ConnectionCounts& connections() { return _connections; }
    [[nodiscard]] Unreadable& unreadable() { return _unreadable; }

private:
    struct InForce {
        std::shared_ptr<const maildock::Environment> environment;
        std::shared_ptr<const Policy> policy;
        std::shared_ptr<const maildock::signin::Desk> desk;
    };
    static InForce inForceFrom(std::shared_ptr<const maildock::Environment> environment,
                               const maildock::signin::Desk* previous);

    const CommandSet _commands;
    // Frees what a reload has replaced, once the last who used it lets go, on the pool for plugins: ending a plugin may
    // block. Shared with what it frees, which may outlive this object.
    struct Disposal;
    [[nodiscard]] std::shared_ptr<const maildock::Environment> held(
        std::shared_ptr<const maildock::Environment> environment) const;

    const std::shared_ptr<Disposal> _disposal;
    mutable std::mutex _mutex;  // guards _inForce
    InForce _inForce;
    std::shared_ptr<maildir::Watcher> _watcher;
    std::unique_ptr<maildir::MailStore> _store;
    std::unique_ptr<maildir::ReadAhead> _readAhead;
    const std::shared_ptr<OctetPool> _contentMemory = std::make_shared<OctetPool>(std::size_t(128) << 10, 256);
    std::unique_ptr<JobPool> _pool;
    ConnectionCounts _connections;
    Unreadable _unreadable;
    std::atomic<bool> _hasTls{false};
};

}  // namespace imapd
