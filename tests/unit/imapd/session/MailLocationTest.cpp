// Where a user's mail lies: variables are never left out or taken as text, so that two users never share by mistake.
#include "imapd/session/MailLocation.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "maildir/Error.h"

using maildock::Account;
using maildock::Finding;

namespace imapd {

class MailLocationTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MailLocationTest);
    CPPUNIT_TEST(variablesAreFilledIn);
    CPPUNIT_TEST(whatStandsForNothingIsRefused);
    CPPUNIT_TEST(whatAPluginTells);
    CPPUNIT_TEST(homesMayBePatterns);
    CPPUNIT_TEST(patternsAreChecked);
    CPPUNIT_TEST(usersWhoWouldShareAreNamed);
    CPPUNIT_TEST(sharingThatTheAdminSaidIsOnlyWarnedOf);
    CPPUNIT_TEST_SUITE_END();

    static Account account(const std::string& user, const std::string& home = "", const std::string& mail = "") {
        Account made;
        made.user = user;
        made.home = home;
        made.mailLocation = mail;
        return made;
    }
    static std::string refusal(const std::string& pattern, const Account& account) {
        try {
            return "taken as " + mailRootOf(pattern, account);
        } catch (const maildir::Error& error) {
            return error.what();
        }
    }
    static void refuses(const std::string& why, const std::string& pattern, const Account& account) {
        const std::string said = refusal(pattern, account);
        CPPUNIT_ASSERT_MESSAGE(said, said.find(why) != std::string::npos && !said.starts_with("taken"));
    }
    // Severity and text of the only finding; empty: none.
    static std::string found(const std::string& pattern, const std::vector<Account>& accounts) {
        const auto findings = checkMailLocation(pattern, [&accounts](const auto& take) {
            for (const Account& one : accounts) {
                if (!take(one)) return;
            }
        });
        if (findings.empty()) return "";
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), findings.size());
        CPPUNIT_ASSERT_EQUAL(std::string("mail.location"), findings[0].key);
        return (findings[0].severity == Finding::Error ? "error: " : "warning: ") + findings[0].text;
    }

public:
    void variablesAreFilledIn() {
        CPPUNIT_ASSERT_EQUAL(std::string("/srv/a.org/anna/anna@a.org/%"),
                             mailRootOf("/srv/%d/%n/%u/%%", account("anna@a.org")));
        CPPUNIT_ASSERT_EQUAL(std::string("/home/anna/Maildir"),
                             mailRootOf("%h/Maildir", account("anna", "/home/anna")));
    }

    void whatStandsForNothingIsRefused() {
        refuses("the user anna has no domain: sign in as anna@DOMAIN", "/srv/%d/%n", account("anna"));
        refuses("the user anna@ has no domain", "/srv/%d/%n", account("anna@"));
        refuses("has %h, but the user has no home", "%h/Maildir", account("anna"));
        refuses("cannot be part of a path", "/srv/%n", account("@a.org"));
        refuses("cannot be part of a path", "/srv/%u", account("../ben"));
        refuses("write /srv/%d/%n", "/srv/%Ld/%Ln", account("anna@a.org"));
        refuses("not absolute", "%n/mail", account("anna"));
    }

    void whatAPluginTells() {
        CPPUNIT_ASSERT_EQUAL(std::string("/srv/anna/Maildir"),
                             mailRootOf("/other/%u", account("anna", "/h", "maildir:/srv/%n/Maildir:LAYOUT=fs")));
        refuses("the location /srv/%Ln that the plugin tells has %Ln", "/srv/%u", account("anna", "", "/srv/%Ln"));
        refuses("has no domain", "/srv/%u", account("anna", "", "/srv/%d/x"));
    }

    void homesMayBePatterns() {
        CPPUNIT_ASSERT_EQUAL(std::string("/v/a.org/anna/Maildir"),
                             mailRootOf("%h/Maildir", account("anna@a.org", "/v/%d/%n")));
        refuses("the home /v/%Lu has %Lu", "%h/Maildir", account("anna", "/v/%Lu"));
        refuses("the home %h/x has %h", "%h/Maildir", account("anna", "%h/x"));
    }

    void patternsAreChecked() {
        for (const char* const right : {"/srv/%u", "/srv/%n", "%h/Maildir", "/srv/%d/%n"})
            CPPUNIT_ASSERT(checkMailLocation(right).empty());
        for (const char* const wrong : {"", "mail/%u", "/srv/mail", "/srv/%d", "/srv/%%u", "/srv/%Lu", "/srv/%u/%"}) {
            const auto findings = checkMailLocation(wrong);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(wrong, std::size_t(1), findings.size());
            CPPUNIT_ASSERT(findings[0].severity == Finding::Error);
        }
        CPPUNIT_ASSERT(checkMailLocation("maildir:/srv/%u")[0].text.find("mail.layout for LAYOUT") !=
                       std::string::npos);
    }

    void usersWhoWouldShareAreNamed() {
        CPPUNIT_ASSERT_EQUAL(std::string("error: anna and ben share one mailbox, /srv/mail: write %u, or %d/%n"),
                             found("/srv/mail", {account("anna"), account("ben")}));
        CPPUNIT_ASSERT_EQUAL(
            std::string("error: anna@a.org and anna@b.org share one mailbox, /srv/anna: write %u, or %d/%n"),
            found("/srv/%n", {account("anna@a.org"), account("ben@b.org"), account("anna@b.org")}));
        const std::string domains = found("/srv/%n", {account("anna@a.org"), account("ben@b.org")});
        CPPUNIT_ASSERT_MESSAGE(domains, domains.find("error: has %n, but the users have several domains: anna@a.org "
                                                     "and anna@b.org would share") == 0);
        CPPUNIT_ASSERT_EQUAL(std::string(), found("/srv/%n", {account("anna@a.org"), account("ben@a.org")}));
        CPPUNIT_ASSERT_EQUAL(std::string(), found("/srv/%d/%n", {account("anna@a.org"), account("anna@b.org")}));
        CPPUNIT_ASSERT_EQUAL(std::string(), found("/srv/%d/%n", {account("anna"), account("ben")}));
    }

    void sharingThatTheAdminSaidIsOnlyWarnedOf() {
        CPPUNIT_ASSERT_EQUAL(
            std::string("warning: anna and ben share one mailbox, /h/Maildir, as their homes or locations say"),
            found("%h/Maildir", {account("anna", "/h"), account("ben", "/h"), account("carl", "/h")}));
        CPPUNIT_ASSERT(
            found("/srv/%u", {account("info", "", "/srv/team"), account("sales", "", "/srv/team")}).find("warning: ") ==
            0);
        // A second name for a mailbox.
        CPPUNIT_ASSERT(found("/srv/%u", {account("anna"), account("info", "", "/srv/anna")}).find("warning: ") == 0);
        CPPUNIT_ASSERT_EQUAL(std::string(), found("/srv/%n", {account("a@a.org", "", "/x"), account("b@b.org")}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MailLocationTest);

}  // namespace imapd
