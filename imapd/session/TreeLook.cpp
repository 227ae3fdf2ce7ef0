#include "imapd/session/TreeLook.h"

#include <exception>

#include "imapd/session/MailLocation.h"
#include "imapd/session/Policy.h"
#include "maildir/Error.h"
#include "maildir/FileIdentity.h"
#include "maildir/names/TreeSurvey.h"

namespace imapd {

using maildock::Finding;

maildock::TreeReport lookAtTree(const maildock::Settings& settings, const maildock::Account& account,
                                std::chrono::steady_clock::time_point deadline) {
    maildock::TreeReport report;
    try {
        const Policy policy = Policy::from(settings);
        report.folder = mailRootOf(policy.mailLocation, account);
        std::shared_ptr<const maildir::FileIdentity> identity;
        if (policy.actsAsAccount) {
            if (!account.uid || !account.gid) {
                report.findings.push_back({Finding::Warning, "mail.accessAs",
                                           "is account, but the plugin tells no uid and gid: nobody may log in so"});
                return report;
            }
            identity = maildir::FileIdentity::of(*account.uid, *account.gid);
        }
        const maildir::FileIdentity::Scope scope(identity);
        maildir::TreeSurvey survey = maildir::surveyTree(report.folder, policy.layout, deadline);
        report.isThere = survey.isThere;
        report.owner = std::move(survey.owner);
        report.inboxMessages = survey.inboxMessages;
        report.isWholeCount = survey.isWholeCount;
        for (maildir::TreeSurvey::Fault& fault : survey.faults) {
            report.findings.push_back(
                {fault.isError ? Finding::Error : Finding::Warning, "mail.location", std::move(fault.text)});
        }
        if (!report.isThere && report.findings.empty() && !policy.createsTrees) {
            report.findings.push_back(
                {Finding::Warning, "mail.create", "is false, and there is no tree: who has none can't log in"});
        }
    } catch (const std::exception& error) {
        const std::string key = "mail.location", text = error.what();
        report.findings.push_back(
            {Finding::Warning, key, text.starts_with(key + " ") ? text.substr(key.size() + 1) : text});
    }
    return report;
}

}  // namespace imapd
