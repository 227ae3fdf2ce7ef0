// What all sessions of the module share: the settings in force, the open mailboxes, the pool on which plugins answer,
// the count of connections. Made by the module; outlives every session. Any thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "imapd/session/CommandRow.h"
#include "imapd/session/JobPool.h"
#include "imapd/session/OctetPool.h"
#include "imapd/session/Policy.h"
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
    // What is in force now; a session keeps what it began with.
    [[nodiscard]] std::shared_ptr<const Policy> policy() const;
    [[nodiscard]] std::shared_ptr<const maildock::Environment> environment() const;
    [[nodiscard]] std::shared_ptr<const maildock::signin::Desk> desk() const;
    void reload(std::shared_ptr<const maildock::Environment> environment);

    [[nodiscard]] const maildock::SizeStrategy& sizeStrategy() const;
    [[nodiscard]] maildir::MailStore& store() { return *_store; }
    [[nodiscard]] maildir::ReadAhead& readAhead() { return *_readAhead; }
    // For contents of messages that are held until they are sent.
    [[nodiscard]] const std::shared_ptr<OctetPool>& contentMemory() const { return _contentMemory; }
    [[nodiscard]] JobPool& authenticationPool() { return *_pool; }
    // Whether STARTTLS can be offered.
    [[nodiscard]] bool hasTls() const { return _hasTls; }
    void setHasTls(bool hasTls) { _hasTls = hasTls; }
    void log(const std::string& line, bool isWarning = false) const;

    // Counts connections: false if one more is too many. Paired with the departure of the same arguments. Between the
    // two, once at most: signedIn().
    bool admitConnection(const std::string& address);
    void signedIn(const std::string& address);
    void departConnection(const std::string& address, bool wasSignedIn);
    bool admitUser(const std::string& user, const std::string& address);
    void departUser(const std::string& user, const std::string& address);

private:
    struct InForce {
        std::shared_ptr<const maildock::Environment> environment;
        std::shared_ptr<const Policy> policy;
        std::shared_ptr<const maildock::signin::Desk> desk;
    };
    static InForce inForceFrom(std::shared_ptr<const maildock::Environment> environment,
                               const maildock::signin::Desk* previous);

    const CommandSet _commands;
    mutable std::mutex _mutex;  // guards _inForce and _past
    InForce _inForce;
    std::vector<InForce> _past;  // of earlier reloads: sessions may still use their plugins
    std::shared_ptr<maildir::Watcher> _watcher;
    std::unique_ptr<maildir::MailStore> _store;
    std::unique_ptr<maildir::ReadAhead> _readAhead;
    const std::shared_ptr<OctetPool> _contentMemory = std::make_shared<OctetPool>(std::size_t(128) << 10, 256);
    std::unique_ptr<JobPool> _pool;
    std::mutex _countsMutex;  // guards what follows
    std::map<std::string, std::size_t> _byAddress, _byUserAndAddress, _unauthenticatedByAddress;
    std::size_t _connections = 0, _unauthenticated = 0;
    std::atomic<bool> _hasTls{false};
};

}  // namespace imapd
