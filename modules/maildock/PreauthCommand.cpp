#include "modules/maildock/PreauthCommand.h"

#include <Poco/Logger.h>
#include <Poco/Util/Application.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "modules/api/StandardStreams.h"
#include "modules/host/Assembly.h"
#include "modules/host/Logging.h"

namespace maildock {

namespace {

using Poco::Util::Application;

// The user as the system knows whoever runs this program, if that is their name.
std::optional<Account> ownAccount(const std::string& user) {
    std::array<char, 16384> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr ||
        user != entry.pw_name) {
        return std::nullopt;
    }
    Account account;
    account.user = user;
    account.uid = entry.pw_uid;
    account.gid = entry.pw_gid;
    account.home = entry.pw_dir;
    return account;
}

// The first plugin that knows the user decides, as at a log-in. Throws if the user may not sign in.
Account accountOf(const Environment& environment, const std::string& user) {
    for (const NamedAuthenticator& each : environment.authenticators) {
        Verdict verdict = each.authenticator->lookup(user);
        if (verdict.outcome == Outcome::UnknownUser) continue;
        if (verdict.outcome != Outcome::Success) {
            throw std::runtime_error("the plugin auth-" + each.name + " does not let in " + user +
                                     (verdict.reason.empty() ? "" : ": " + verdict.reason));
        }
        if (verdict.account.user.empty()) verdict.account.user = user;
        return verdict.account;
    }
    if (std::optional<Account> own = ownAccount(user)) return *own;
    throw std::runtime_error("no plugin of auth.plugins knows " + user + ", and it is not who runs this program");
}

// With a log file that this user may not write, standard error is what the administrator sees.
void applyLogging(host::Logging& logging, const Settings& settings) {
    try {
        logging.apply(settings);
    } catch (const std::exception& e) {
        std::cerr << "maildock: " << e.what() << std::endl;
    }
}

}  // namespace

int servePreauthenticated(const std::string& configFile, const std::string& user) {
    std::signal(SIGPIPE, SIG_IGN);
    host::Assembly assembly(configFile);
    // Not check(): listeners and certificates are not needed, and not this user's to read.
    if (!host::hasErrors(assembly.complaints())) assembly.configurePlugins();
    for (const host::Complaint& one : assembly.complaints()) {
        if (one.severity == Finding::Error) std::cerr << one.toString() << std::endl;
    }
    if (host::hasErrors(assembly.complaints())) return Application::EXIT_CONFIG;
    host::Logging logging;
    applyLogging(logging, *assembly.settings());
    for (const host::NamedModule& one : assembly.modules()) {
        auto* const streams = dynamic_cast<StandardStreams*>(one.module.get());
        if (streams == nullptr) continue;
        const std::shared_ptr<const Environment> environment = assembly.environmentFor(one.name);
        try {
            streams->serveStandardStreams(environment, accountOf(*environment, user));
        } catch (const std::exception& e) {
            std::cerr << "maildock: " << e.what() << std::endl;
            return Application::EXIT_NOPERM;
        }
        return Application::EXIT_OK;
    }
    std::cerr << "maildock: none of the modules serves standard input and output" << std::endl;
    return Application::EXIT_CONFIG;
}

}  // namespace maildock
