#include "modules/maildock/CheckCommand.h"

#include <algorithm>

#include "modules/host/Assembly.h"
#include "modules/maildock/TlsFiles.h"
#include "modules/maildock/TreeCheck.h"

namespace maildock {

namespace {

std::string counted(std::ptrdiff_t number, const std::string& what) {
    return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string bounds(const KeySpec& spec) {
    if (!spec.least && !spec.most) return "";
    const std::string least = spec.least ? std::to_string(*spec.least) : "",
                      most = spec.most ? std::to_string(*spec.most) : "";
    return " " + least + ".." + most;
}

std::string kindOf(const KeySpec& spec) {
    switch (spec.kind) {
        case KeyKind::Text:
            return "text";
        case KeyKind::Boolean:
            return "boolean";
        case KeyKind::Number:
            return "number" + bounds(spec);
        case KeyKind::Seconds:
            return "seconds" + bounds(spec);
        case KeyKind::Choice: {
            std::string kind = "choice";
            for (const std::string& each : spec.choices) kind += (kind == "choice" ? " " : "|") + each;
            return kind;
        }
        case KeyKind::List:
            return "list";
        case KeyKind::Path:
            return "path";
        case KeyKind::Address:
            return "address";
    }
    return "";
}

void checkCertificates(host::Assembly& assembly) {
    const auto look = [&assembly](const std::string& prefix) {
        const std::string certificate = prefix + "certificate";
        const std::string key = prefix + "key";
        if (!assembly.settings()->isDeclared(certificate) || !assembly.settings()->isDeclared(key)) return;
        // The module that uses the files may have said it already.
        if (assembly.hasErrorAbout(certificate) || assembly.hasErrorAbout(key)) return;
        for (const Finding& finding : checkTlsFiles(*assembly.settings(), certificate, key)) assembly.add(finding);
    };
    look("tls.");
    const std::string last = "certificate";
    for (const std::string& key : assembly.settings()->keysBelow("tls.sni.")) {
        if (key.ends_with("." + last)) look(key.substr(0, key.size() - last.size()));
    }
}

// Settings with which clients see other sizes or octets than without: no mistake, but to be known before they are
// changed over mail that clients have seen (rows V0006, V0007).
std::vector<Finding> shownOtherwise(const host::CheckedSettings& settings) {
    std::vector<Finding> findings;
    const std::string consequence =
        "; a change shows clients other sizes or octets under UIDs that they know, so they should fetch anew";
    if (settings.isDeclared("size.plugin") && settings.text("size.plugin") == "size-stored") {
        findings.push_back(
            {Finding::Warning, "size.plugin",
             "stored sizes are too small for files with LF line ends, and Thunderbird cuts such messages "
             "off: size-mime tells exact ones" +
                 consequence});
    }
    if (settings.isDeclared("imap.sevenBit") && settings.boolean("imap.sevenBit")) {
        findings.push_back(
            {Finding::Warning, "imap.sevenBit",
             "messages are encoded anew as they are sent, which breaks signatures over 8-bit content" + consequence});
    }
    return findings;
}

}  // namespace

int listKeys(const std::string& configFile, std::ostream& out) {
    const host::Assembly assembly(configFile);
    if (!assembly.isComplete()) {
        for (const host::Complaint& one : assembly.complaints()) out << one.toString() << '\n';
        return 1;
    }
    for (const auto& [name, spec] : assembly.settings()->specs()) {
        out << name << '\t' << kindOf(spec) << '\t' << spec.defaultValue << '\t' << spec.description << '\n';
    }
    return 0;
}

int checkConfiguration(const std::string& configFile, std::ostream& out) {
    host::Assembly assembly(configFile);
    assembly.check();
    checkCertificates(assembly);
    for (const Finding& finding : shownOtherwise(*assembly.settings())) assembly.add(finding);
    checkAsServer(assembly, out);
    for (const host::Complaint& one : assembly.complaints()) out << one.toString() << '\n';
    const auto errors = std::count_if(assembly.complaints().begin(), assembly.complaints().end(),
                                      [](const host::Complaint& one) { return one.severity == Finding::Error; });
    const auto warnings = static_cast<std::ptrdiff_t>(assembly.complaints().size()) - errors;
    out << assembly.configuration().file() << ": " << counted(errors, "error") << ", " << counted(warnings, "warning")
        << std::endl;
    return errors == 0 ? 0 : 1;
}

}  // namespace maildock
