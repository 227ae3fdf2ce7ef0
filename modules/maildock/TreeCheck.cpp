#include "modules/maildock/TreeCheck.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>

#include "modules/api/MailTrees.h"
#include "modules/maildock/AsServer.h"

namespace maildock {

namespace {

using Clock = std::chrono::steady_clock;
using Tell = std::function<void(std::string)>;

constexpr std::size_t mostTrees = 100;
constexpr std::chrono::seconds patience{20}, patienceForTrees{10};

const MailTrees* treesOf(const host::Assembly& assembly) {
    for (const host::NamedModule& one : assembly.modules()) {
        if (const auto* const trees = dynamic_cast<const MailTrees*>(one.module.get())) return trees;
    }
    return nullptr;
}

// --- what the child tells: a letter for the kind, a key and a text between tabs

void tellFinding(const Tell& tell, Finding::Severity severity, const std::string& key, const std::string& text) {
    tell((severity == Finding::Error ? "E\t" : "W\t") + key + "\t" + text);
}

void takeLine(const std::string& line, host::Assembly& assembly, std::ostream& out) {
    const std::size_t key = line.find('\t'), text = line.find('\t', key + 1);
    if (key == std::string::npos || text == std::string::npos) return;
    if (line[0] == 'N') {
        out << line.substr(text + 1) << '\n';
    } else {
        assembly.add({line[0] == 'E' ? Finding::Error : Finding::Warning, line.substr(key + 1, text - key - 1),
                      line.substr(text + 1)});
    }
}

// --- the files that keys name

std::string why() {
    return std::generic_category().message(errno);
}

void lookAtPath(const std::string& key, const std::string& path, const Tell& tell, const std::string& user) {
    const auto complain = [&](const std::string& what, const std::string& consequence) {
        tellFinding(tell, Finding::Warning, key,
                    path + " can't be " + what + " by user " + user + ": " + why() + consequence);
    };
    if (key == "log.path") return;  // is looked at by the assembly
    if (key == "state.path") {
        std::error_code ignored;
        const std::string folder =
            std::filesystem::exists(path, ignored) ? path : std::filesystem::path(path).parent_path().string();
        if (::access(folder.c_str(), W_OK | X_OK) != 0)
            complain(folder == path ? "written" : "made", "; make it: install -d -o " + user + " -m 700 " + path);
        return;
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 && errno != EACCES) return;  // is missing for whoever asks
    if (::access(path.c_str(), R_OK) != 0) complain("read", ", so that a reload will fail");
}

void lookAtPaths(const host::Assembly& assembly, const Tell& tell, const std::string& user) {
    for (const auto& [name, spec] : assembly.settings()->specs()) {
        if (spec.kind != KeyKind::Path) continue;
        std::vector<std::string> keys = {name};
        if (name.ends_with('*')) keys = assembly.settings()->keysBelow(name.substr(0, name.size() - 1));
        for (const std::string& key : keys) {
            if (const std::string path = assembly.settings()->path(key); !path.empty())
                lookAtPath(key, path, tell, user);
        }
    }
}

// --- the trees

// Takes up to so many of all users that can be listed, evenly.
struct Sample {
    std::size_t users = 0;
    std::vector<Account> accounts;
    std::string unlisted;  // plugins that can't list theirs
};

Sample sampleOf(const host::Assembly& assembly) {
    Sample sample;
    const auto environment = assembly.environmentFor("maildock");
    const auto each = [&](const std::function<bool(const Account&)>& take) {
        for (const NamedAuthenticator& one : environment->authenticators) {
            try {
                const bool isListed = one.authenticator->listUsers(*assembly.settings(), take);
                const bool isTold = sample.unlisted.find(one.name) != std::string::npos;
                if (!isListed && one.authenticator->providesUsers() && !isTold)
                    sample.unlisted += (sample.unlisted.empty() ? "" : ", ") + one.name;
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): its own check tells why
            }
        }
    };
    each([&sample](const Account&) { return ++sample.users > 0; });
    const std::size_t step = sample.users / mostTrees + 1;
    std::size_t number = 0;
    each([&](const Account& account) {
        if (number++ % step == 0) sample.accounts.push_back(account);
        return sample.accounts.size() < mostTrees;
    });
    return sample;
}

// The same fault of many users is told once.
class Faults {
public:
    void add(const Finding& finding, const std::string& user, const std::string& folder) {
        Fault& fault = _faults[finding.text];
        if (fault.count++ == 0) fault = {finding, user + (folder.empty() ? "" : ": " + folder), 1};
    }
    void tellAll(const Tell& tell) const {
        for (const auto& [text, fault] : _faults) {
            const std::string who = fault.count == 1
                                        ? " (" + fault.example + ")"
                                        : " (" + std::to_string(fault.count) + " users, such as " + fault.example + ")";
            tellFinding(tell, fault.finding.severity, fault.finding.key, text + who);
        }
    }

private:
    struct Fault {
        Finding finding;
        std::string example;
        std::size_t count = 0;
    };
    std::map<std::string, Fault> _faults;
};

void lookAtTrees(const host::Assembly& assembly, const MailTrees& trees, const Tell& tell) {
    const Sample sample = sampleOf(assembly);
    if (!sample.unlisted.empty()) {
        tell("N\t\tusers of " + sample.unlisted +
             " can't be listed, so their trees were not looked at: `maildock auth test USER` looks at one");
    }
    const auto deadline = Clock::now() + patienceForTrees;
    std::size_t looked = 0, there = 0;
    std::string missing;
    Faults faults;
    const bool isOnlyPlugin = assembly.environmentFor("maildock")->authenticators.size() == 1;
    for (const Account& account : sample.accounts) {
        if (Clock::now() >= deadline) break;
        const TreeReport report = trees.lookAtTree(*assembly.settings(), account, deadline);
        ++looked;
        there += report.isThere ? 1 : 0;
        if (!report.isThere && missing.empty() && !report.folder.empty()) missing = account.user + ": " + report.folder;
        // What this plugin leaves out another one may tell.
        if (report.folder.empty() && !isOnlyPlugin) continue;
        for (const Finding& finding : report.findings) faults.add(finding, account.user, report.folder);
    }
    faults.tellAll(tell);
    if (sample.users == 0) return;
    tell("N\t\ttrees: of " + std::to_string(sample.users) + " users " + std::to_string(looked) + " were looked at, " +
         std::to_string(there) + " have a Maildir" + (missing.empty() ? "" : "; none: " + missing));
}

}  // namespace

void checkAsServer(host::Assembly& assembly, std::ostream& out) {
    if (!assembly.isComplete()) return;
    const MailTrees* const trees = treesOf(assembly);
    const bool hasUser = !assembly.settings()->text("server.user").empty();
    if (trees == nullptr && !hasUser) return;
    const std::string user = hasUser ? assembly.settings()->text("server.user") : "";
    const bool hasLocation = !assembly.hasErrorAbout("mail.location");
    const AsServerResult result = asServer(*assembly.settings(), patience, [&](const Tell& tell) {
        if (hasUser) lookAtPaths(assembly, tell, user);
        if (trees != nullptr && hasLocation) lookAtTrees(assembly, *trees, tell);
    });
    for (const std::string& line : result.lines) takeLine(line, assembly, out);
    if (!result.isServersUser) {
        out << "looked at files and trees as user " << result.user << ": as root, it would be with the rights of "
            << user << '\n';
    }
    if (!result.isWhole) out << "files and trees were not looked at to the end: they answer too slowly\n";
}

void tellTree(const host::Assembly& assembly, const Account& account, std::ostream& out) {
    const MailTrees* const trees = treesOf(assembly);
    if (trees == nullptr) return;
    const AsServerResult result = asServer(*assembly.settings(), patience, [&](const Tell& tell) {
        const TreeReport report = trees->lookAtTree(*assembly.settings(), account, Clock::now() + patienceForTrees);
        if (!report.folder.empty()) {
            const std::string count = (report.isWholeCount ? "" : "more than ") + std::to_string(report.inboxMessages);
            tell("mail: " + report.folder +
                 (report.isThere         ? ", is there, " + count + " messages in INBOX"
                  : report.owner.empty() ? ", is not there"
                                         : ", is no Maildir") +
                 (report.owner.empty() ? "" : " (" + report.owner + ")"));
        }
        for (const Finding& finding : report.findings) tell("    " + finding.key + ": " + finding.text);
    });
    for (const std::string& line : result.lines) out << line << '\n';
    if (!result.isWhole) out << "mail: the folder does not answer in time\n";
    out << "    as user " << result.user << (result.isServersUser ? "" : ", who is not server.user: run this as root")
        << std::endl;
}

}  // namespace maildock
