// The IMAP module: binds the listeners, makes a session of each connection, reloads and stops. Called by the program's
// main thread; what it owns is used by the workers.
#pragma once

#include <memory>
#include <vector>

#include "imapd/connection/Listener.h"
#include "imapd/connection/Scheduler.h"
#include "imapd/connection/TlsContexts.h"
#include "imapd/session/Services.h"
#include "modules/api/MailTrees.h"
#include "modules/api/Module.h"
#include "modules/api/StandardStreams.h"

namespace imapd {

class ImapdModule : public maildock::Module, public maildock::StandardStreams, public maildock::MailTrees {
public:
    ~ImapdModule() override;
    [[nodiscard]] std::vector<maildock::KeySpec> keys() const override;
    [[nodiscard]] std::vector<maildock::Finding> check(const maildock::Settings& settings) const override;
    [[nodiscard]] std::vector<maildock::Finding> checkUsers(const maildock::Settings& settings,
                                                            const Users& users) const override;
    [[nodiscard]] maildock::TreeReport lookAtTree(const maildock::Settings& settings, const maildock::Account& account,
                                                  std::chrono::steady_clock::time_point deadline) const override;
    void prepare(std::shared_ptr<const maildock::Environment> environment) override;
    void start(std::shared_ptr<const maildock::Environment> environment) override;
    void reload(std::shared_ptr<const maildock::Environment> environment) override;
    void stop(int timeoutSeconds) override;
    void serveStandardStreams(std::shared_ptr<const maildock::Environment> environment,
                              const maildock::Account& account) override;

private:
    // Throws the first error of check().
    void requireSound(const maildock::Settings& settings) const;
    // Takes the certificate that the settings name; none is none. Throws with a text for the admin.
    void takeCertificate(const maildock::Environment& environment);

    // In the order in which they depend on each other.
    std::shared_ptr<Services> _services;
    std::unique_ptr<TlsContexts> _tls;
    std::unique_ptr<Scheduler> _scheduler;
    std::vector<std::unique_ptr<Listener>> _listeners;
};

}  // namespace imapd
