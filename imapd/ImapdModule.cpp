#include "imapd/ImapdModule.h"

#include <Poco/ClassLibrary.h>
#include <Poco/Logger.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "imapd/commands/CommandTable.h"
#include "imapd/connection/StandardStreams.h"
#include "imapd/session/MailLocation.h"
#include "imapd/session/Networks.h"
#include "imapd/session/Session.h"
#include "imapd/session/TreeLook.h"
#include "imapd/session/UserMail.h"

namespace imapd {

using maildock::Environment;
using maildock::Finding;
using maildock::Settings;

namespace {

constexpr const char* listenKeys[] = {"imap.listen", "imaps.listen", "imap.proxy.listen", "imaps.proxy.listen"};

TlsSettings tlsSettings(const Settings& settings) {
    TlsSettings tls;
    tls.certificatePath = settings.path("tls.certificate");
    tls.keyPath = settings.path("tls.key");
    tls.minProtocol = settings.text("tls.minProtocol");
    tls.ciphers = settings.text("tls.ciphers");
    tls.ocspPath = settings.path("tls.ocsp");
    tls.clientCaPath = settings.path("tls.clientCa");
    tls.clientCrlPath = settings.path("tls.clientCrl");
    tls.requiresClientCertificate = settings.text("tls.clientCertificate") == "required";
    // "tls.sni.mail.example.org.certificate": a name has dots of its own.
    const std::string family = "tls.sni.";
    const std::string last = ".certificate";
    for (const std::string& key : settings.keysBelow(family)) {
        if (!key.ends_with(last) || key.size() <= family.size() + last.size()) continue;
        const std::string name = key.substr(family.size(), key.size() - family.size() - last.size());
        tls.hosts.push_back(
            {name, settings.path(key), settings.path(family + name + ".key"), settings.path(family + name + ".ocsp")});
    }
    return tls;
}

// The keys of the family tls.sni.* that are none: a certificate without a key is found when the files are read.
void checkHostKeys(const Settings& settings, std::vector<Finding>& findings) {
    for (const std::string& key : settings.keysBelow("tls.sni.")) {
        const std::string rest = key.substr(std::string("tls.sni.").size());
        const std::size_t dot = rest.rfind('.');
        const std::string what = dot == std::string::npos ? rest : rest.substr(dot + 1);
        const std::string name = dot == std::string::npos ? "" : rest.substr(0, dot);
        const std::string certificate = "tls.sni." + name + ".certificate";
        const bool isHostName =
            !name.empty() && name.front() != '.' &&
            name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.", name[0] == '*') == std::string::npos &&
            (name[0] != '*' || name.starts_with("*."));
        if (what != "certificate" && what != "key" && what != "ocsp") {
            findings.push_back({Finding::Error, key, "must be tls.sni.NAME.certificate, .key or .ocsp"});
        } else if (!isHostName) {
            findings.push_back({Finding::Error, key,
                                "`" + name + "` is not the name of a host in lower case, or *. and the rest of one"});
        } else if (settings.path(certificate).empty()) {
            findings.push_back({Finding::Error, key, "needs " + certificate});
        }
    }
}

void checkTlsSettings(const Settings& settings, std::vector<Finding>& findings) {
    checkHostKeys(settings, findings);
    for (const TlsFinding& finding : TlsContexts::check(tlsSettings(settings))) {
        // What is out of its time is said at start, and by `maildock check`.
        if (finding.kind == TlsFinding::OutOfTime) continue;
        const bool isError = finding.kind == TlsFinding::Error;
        findings.push_back({isError ? Finding::Error : Finding::Warning, finding.setting, finding.text});
    }
}

bool hasCertificate(const Settings& settings) {
    return !settings.path("tls.certificate").empty();
}

// What a key of listenKeys says. If none of them is set: with a certificate the ports that mail clients try by
// themselves (RFC 3501 2.1, RFC 8314 7.3), on all addresses; without one nobody else may see what is said here.
std::string listenText(const Settings& settings, const std::string& key) {
    const bool isAnySet = std::any_of(std::begin(listenKeys), std::end(listenKeys),
                                      [&settings](const char* each) { return !settings.text(each).empty(); });
    if (isAnySet) return settings.text(key);
    constexpr int imapPort = 143, imapsPort = 993;
    if (key == "imap.listen") return hasCertificate(settings) ? Listener::allAddresses(imapPort) : "127.0.0.1:1143";
    return key == "imaps.listen" && hasCertificate(settings) ? Listener::allAddresses(imapsPort) : "";
}

}  // namespace

ImapdModule::~ImapdModule() {
    if (_scheduler) stop(0);
}

std::vector<maildock::KeySpec> ImapdModule::keys() const {
    return Policy::keys();
}

std::vector<Finding> ImapdModule::check(const Settings& settings) const {
    std::vector<Finding> findings = Policy::check(settings);
    for (const char* const key : listenKeys) {
        try {
            Listener::parse(settings.text(key));
        } catch (const std::exception& error) {
            findings.push_back({Finding::Error, key, error.what()});
        }
    }
    if (hasCertificate(settings)) {
        checkTlsSettings(settings, findings);
    } else if (!settings.text("imaps.listen").empty() || !settings.text("imaps.proxy.listen").empty()) {
        const bool isProxy = settings.text("imaps.listen").empty();
        findings.push_back(
            {Finding::Error, isProxy ? "imaps.proxy.listen" : "imaps.listen", "needs tls.certificate and tls.key"});
    } else if (!settings.boolean("auth.plaintextWithoutTls")) {
        findings.push_back({Finding::Warning, "tls.certificate",
                            "without TLS nobody can log in, unless auth.plaintextWithoutTls is set"});
    }
    return findings;
}

std::vector<Finding> ImapdModule::checkUsers(const Settings& settings, const Users& users) const {
    return checkMailLocation(settings.text("mail.location"), users);
}

maildock::TreeReport ImapdModule::lookAtTree(const Settings& settings, const maildock::Account& account,
                                             std::chrono::steady_clock::time_point deadline) const {
    return imapd::lookAtTree(settings, account, deadline);
}

void ImapdModule::requireSound(const Settings& settings) const {
    for (const Finding& finding : check(settings)) {
        if (finding.severity == Finding::Error) throw std::runtime_error(finding.key + ": " + finding.text);
    }
}

void ImapdModule::takeCertificate(const Environment& environment) {
    if (!hasCertificate(*environment.settings)) return;
    for (const std::string& warning : _tls->replace(tlsSettings(*environment.settings)))
        environment.logger->warning(warning);
}

void ImapdModule::prepare(std::shared_ptr<const Environment> environment) {
    const Settings& settings = *environment->settings;
    requireSound(settings);
    Poco::Logger& logger = *environment->logger;
    _tls = std::make_unique<TlsContexts>([&logger](const std::string& line, bool isWarning) {
        if (isWarning)
            logger.warning(line);
        else
            logger.information(line);
    });
    takeCertificate(*environment);
    const auto listen = [&](const char* key, Entrance entrance) {
        const std::string addresses = listenText(settings, key);
        if (!addresses.empty()) _listeners.push_back(std::make_unique<Listener>(addresses, entrance, logger));
    };
    listen("imap.listen", {});
    listen("imaps.listen", {.isTls = true});
    listen("imap.proxy.listen", {.expectsProxy = true});
    listen("imaps.proxy.listen", {.isTls = true, .expectsProxy = true});
}

void ImapdModule::start(std::shared_ptr<const Environment> environment) {
    const Settings& settings = *environment->settings;
    _services = std::make_shared<Services>(environment, commandSet());
    _services->setHasTls(!_tls->current().isNull());
    SchedulerSettings scheduling;
    scheduling.workers = static_cast<unsigned>(settings.number("imap.workers"));
    scheduling.isTrustedProxy = [services = _services](const std::string& host) {
        return isWithin(host, services->policy()->proxyNetworks);
    };
    const auto converse = [services = _services](const PeerFacts& peer, Waker waker) -> std::unique_ptr<Conversation> {
        return std::make_unique<Session>(services, peer, std::move(waker));
    };
    _scheduler = std::make_unique<Scheduler>(scheduling, converse, *_tls, *environment->logger);
    for (const auto& listener : _listeners) {
        listener->start(*_scheduler);
        for (const auto& address : listener->addresses())
            environment->logger->information("imapd listens on " + address.toString());
    }
}

void ImapdModule::reload(std::shared_ptr<const Environment> environment) {
    requireSound(*environment->settings);
    takeCertificate(*environment);
    _services->setHasTls(!_tls->current().isNull());
    _services->reload(std::move(environment));
}

void ImapdModule::stop(int timeoutSeconds) {
    for (const auto& listener : _listeners) listener->stop();
    if (_scheduler) _scheduler->stop(std::chrono::seconds(timeoutSeconds));
    _listeners.clear();
    _scheduler.reset();
    _services.reset();
}

// RFC 3501 7.1.4, row V0051
void ImapdModule::serveStandardStreams(std::shared_ptr<const Environment> environment,
                                       const maildock::Account& account) {
    for (const Finding& finding : Policy::check(*environment->settings)) {
        if (finding.severity == Finding::Error) throw std::runtime_error(finding.key + ": " + finding.text);
    }
    const auto services = std::make_shared<Services>(environment, commandSet());
    if (!services->policy()->mayBePreauthenticated) throw std::runtime_error("imap.preauth does not allow this");
    converseOver(standardInput, standardOutput, [&](Waker waker) -> std::unique_ptr<Conversation> {
        return std::make_unique<Session>(services, PeerFacts(), std::move(waker), account);
    });
}

}  // namespace imapd

MAILDOCK_LIBRARY("module")

POCO_BEGIN_MANIFEST(maildock::Module)
POCO_EXPORT_CLASS(imapd::ImapdModule)
POCO_END_MANIFEST
