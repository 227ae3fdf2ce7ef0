#include "modules/maildock/Server.h"

#include <Poco/Logger.h>
#include <unistd.h>

#include <ctime>

#include "modules/host/RunAs.h"
#include "modules/maildock/ServiceManager.h"
#include "modules/maildock/Signals.h"

namespace maildock {

namespace {

Poco::Logger& log() {
    return Poco::Logger::get("maildock");
}

void logAll(const host::Complaints& complaints) {
    for (const host::Complaint& one : complaints) {
        if (one.severity == Finding::Error) {
            log().error(one.toString(false));
        } else {
            log().warning(one.toString(false));
        }
    }
}

// Other programs wait for this line, whatever is done with the log.
void sayReady() {
    static constexpr char line[] = "maildock ready\n";
    const ssize_t ignored = ::write(STDERR_FILENO, line, sizeof line - 1);
    static_cast<void>(ignored);
    notifyServiceManager("READY=1");
}

// sd_notify(3): so that the manager tells this reload from an earlier one.
std::string monotonicMicroseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

int Server::main(const std::vector<std::string>&) {
    if (const int status = start(); status != EXIT_OK) return status;
    sayReady();
    while (Signals::wait() == Signal::Reload) {
        notifyServiceManager("RELOADING=1\nMONOTONIC_USEC=" + monotonicMicroseconds());
        reload();
        notifyServiceManager("READY=1");
    }
    notifyServiceManager("STOPPING=1");
    stop();
    return EXIT_OK;
}

int Server::start() {
    _assembly = std::make_unique<host::Assembly>(_configFile);
    _assembly->check();
    if (!host::hasErrors(_assembly->complaints())) _assembly->configurePlugins();
    logAll(_assembly->complaints());
    if (host::hasErrors(_assembly->complaints())) {
        log().fatal("not started: the configuration " + _assembly->configuration().file() + " has errors");
        return EXIT_CONFIG;
    }
    for (const host::NamedModule& one : _assembly->modules()) {
        try {
            one.module->prepare(_assembly->environmentFor(one.name));
        } catch (const std::exception& e) {
            log().fatal("not started: the module " + one.name + " can't start: " + e.what());
            return EXIT_UNAVAILABLE;
        }
    }
    try {
        giveUpRights();
        _logging.apply(*_assembly->settings());  // afterwards: the file is the user's, who will open it again
    } catch (const std::exception& e) {
        log().fatal(std::string("not started: ") + e.what());
        return EXIT_CONFIG;
    }
    for (const host::NamedModule& one : _assembly->modules()) {
        try {
            one.module->start(_assembly->environmentFor(one.name));
        } catch (const std::exception& e) {
            log().fatal("not started: the module " + one.name + " can't start: " + e.what());
            stop();
            return EXIT_UNAVAILABLE;
        }
        ++_started;
    }
    log().information("started with " + _assembly->configuration().file());
    return EXIT_OK;
}

void Server::giveUpRights() {
    const std::optional<host::RunAs> wanted = host::RunAs::from(*_assembly->settings());
    if (!wanted) return;
    wanted->become();
    log().information("runs as user " + wanted->user);
    // What root could read, and this user can't, would only be found out at the first reload.
    host::Assembly asThisUser(_configFile, &_assembly->modules());
    asThisUser.check();
    for (const host::Complaint& one : asThisUser.complaints()) {
        if (one.severity != Finding::Error) continue;
        log().warning("as user " + wanted->user + " a reload will fail: " + one.toString(false));
    }
}

void Server::reload() {
    auto next = std::make_unique<host::Assembly>(_configFile, &_assembly->modules());
    next->check();
    if (!host::hasErrors(next->complaints())) next->configurePlugins();
    logAll(next->complaints());
    const bool isTaken = !host::hasErrors(next->complaints()) && reloadModules(*next);
    if (isTaken) _assembly = std::move(next);
    try {
        // With the old settings too: the log file may have been moved away.
        _logging.apply(*_assembly->settings());
    } catch (const std::exception& e) {
        log().error(std::string("the log stays where it was: ") + e.what());
    }
    if (isTaken) {
        log().information("reloaded " + _assembly->configuration().file());
    } else {
        log().error("not reloaded: the old configuration stays in force");
    }
}

bool Server::reloadModules(const host::Assembly& next) {
    const std::vector<host::NamedModule>& modules = _assembly->modules();
    for (std::size_t i = 0; i < modules.size(); ++i) {
        try {
            modules[i].module->reload(next.environmentFor(modules[i].name));
            continue;
        } catch (const std::exception& e) {
            log().error("the module " + modules[i].name + " can't take the new configuration: " + e.what());
        }
        for (std::size_t earlier = 0; earlier < i; ++earlier) {
            try {
                modules[earlier].module->reload(_assembly->environmentFor(modules[earlier].name));
            } catch (const std::exception& e) {
                log().error("the module " + modules[earlier].name +
                            " can't go back to the old configuration: " + e.what());
            }
        }
        return false;
    }
    return true;
}

void Server::stop() {
    const auto timeout = static_cast<int>(_assembly->settings()->seconds("shutdown.timeout"));
    log().information("stopping");
    // Each module keeps to the time it is given; the alarm is for one that does not.
    Signals::limitStop(static_cast<unsigned>(_started) * static_cast<unsigned>(timeout) + 30);
    for (; _started > 0; --_started) {
        const host::NamedModule& one = _assembly->modules()[_started - 1];
        try {
            one.module->stop(timeout);
        } catch (const std::exception& e) {
            log().error("the module " + one.name + " did not stop cleanly: " + e.what());
        }
    }
    log().information("stopped");
}

}  // namespace maildock
