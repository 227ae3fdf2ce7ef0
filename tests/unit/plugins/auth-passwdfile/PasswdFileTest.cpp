// The passwd-file: its lines, its faults, and the plugin that reads it again when it changes.
#include <cppunit/extensions/HelperMacros.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "plugins/auth-passwdfile/PasswdFileAuthenticator.h"

namespace {

using maildock::Finding;
using maildock::KeySpec;
using maildock::Outcome;
using maildock::passwdfile::ParseOptions;
using maildock::passwdfile::PasswdFile;
using maildock::passwdfile::PasswdFileAuthenticator;

class FixedSettings : public maildock::Settings {
public:
    std::map<std::string, std::string> values{{"auth.passwdfile.defaultScheme", "CRYPT"},
                                              {"auth.passwdfile.lowercase", "true"}};
    [[nodiscard]] std::string text(const std::string& key) const override { return values.at(key); }
    [[nodiscard]] bool boolean(const std::string& key) const override { return values.at(key) == "true"; }
    [[nodiscard]] std::int64_t number(const std::string&) const override { return 0; }
    [[nodiscard]] std::int64_t seconds(const std::string&) const override { return 0; }
    [[nodiscard]] std::vector<std::string> list(const std::string&) const override { return {}; }
    [[nodiscard]] std::string path(const std::string& key) const override { return values.at(key); }
    [[nodiscard]] bool isSet(const std::string&) const override { return true; }
    [[nodiscard]] std::vector<std::string> keysBelow(const std::string&) const override { return {}; }
};

class PasswdFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PasswdFileTest);
    CPPUNIT_TEST(aWholeLineGivesTheAccount);
    CPPUNIT_TEST(shortLinesAndCommentsAreFine);
    CPPUNIT_TEST(brokenLinesAreSkippedAndNumbered);
    CPPUNIT_TEST(faultsNeverShowAPassword);
    CPPUNIT_TEST(namesThatAreNoFolderAreRefused);
    CPPUNIT_TEST(theCaseOfNames);
    CPPUNIT_TEST(theFirstOfTwinsCounts);
    CPPUNIT_TEST(thePrevailingPasswordIsOfTheCommonCost);
    CPPUNIT_TEST(manyFaultsAreBounded);
    CPPUNIT_TEST(verdicts);
    CPPUNIT_TEST(noPasswordMeansNoLogin);
    CPPUNIT_TEST(scramKeysAreHandedOut);
    CPPUNIT_TEST(aChangedFileIsReadAgain);
    CPPUNIT_TEST(aMissingFileIsATemporaryFailure);
    CPPUNIT_TEST(checkFindsWhatIsWrong);
    CPPUNIT_TEST(threadsReadWhileTheFileChanges);
    CPPUNIT_TEST_SUITE_END();

    std::string _folder;
    std::string _path;
    FixedSettings _settings;

    static std::shared_ptr<const PasswdFile> parse(const std::string& text) { return PasswdFile::parse(text, {}); }

    // As an admin's editor does: a new file takes the name.
    void write(const std::string& text) const {
        std::ofstream(_path + ".tmp", std::ios::binary) << text;
        std::filesystem::rename(_path + ".tmp", _path);
    }

    std::unique_ptr<PasswdFileAuthenticator> configured(const std::string& text) {
        write(text);
        auto made = std::make_unique<PasswdFileAuthenticator>();
        made->configure(_settings);
        return made;
    }

public:
    void setUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "passwdfile-XXXXXX").string();
        CPPUNIT_ASSERT(::mkdtemp(name.data()) != nullptr);
        _folder = name;
        _path = _folder + "/users";
        _settings = FixedSettings();
        _settings.values["auth.passwdfile.path"] = _path;
    }

    void tearDown() override { std::filesystem::remove_all(_folder); }

    void aWholeLineGivesTheAccount() {
        const auto file = parse(
            "joe@example.org:{PLAIN}secret:1001:1002:Joe:/home/joe:/bin/false:allow_nets=127.0.0.0/8,::1 "
            "userdb_mail=maildir:~/Mail:LAYOUT=fs userdb_quota_rule=*:storage=1G  other=a=b\n");
        const auto* user = file->find("joe@example.org");
        CPPUNIT_ASSERT(user != nullptr);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, file->faultCount());
        CPPUNIT_ASSERT_EQUAL(std::string("joe@example.org"), user->account.user);
        CPPUNIT_ASSERT_EQUAL(1001u, *user->account.uid);
        CPPUNIT_ASSERT_EQUAL(1002u, *user->account.gid);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/joe"), user->account.home);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/joe/Mail"), user->account.mailLocation);
        CPPUNIT_ASSERT_EQUAL(std::string("LAYOUT=fs"), user->account.extra.at("mail_options"));
        CPPUNIT_ASSERT_EQUAL(std::string("*:storage=1G"), user->account.extra.at("quota_rule"));
        CPPUNIT_ASSERT_EQUAL(std::string("a=b"), user->account.extra.at("other"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, user->account.allowedNetworks.size());
        CPPUNIT_ASSERT_EQUAL(std::string("::1"), user->account.allowedNetworks[1]);
    }

    void shortLinesAndCommentsAreFine() {
        const auto file = parse("# a comment\n\n:no user\njoe:{PLAIN}a\r\njane:{PLAIN}b:::::\nlast:{PLAIN}c");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, file->userCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, file->faultCount());
        CPPUNIT_ASSERT(file->find("joe")->password->matches("a"));
        CPPUNIT_ASSERT(!file->find("jane")->account.uid);
        CPPUNIT_ASSERT(file->find("last")->password->matches("c"));
        CPPUNIT_ASSERT(file->find("# a comment") == nullptr);
    }

    void brokenLinesAreSkippedAndNumbered() {
        using namespace std::string_literals;
        const auto file = parse("a:{PLAIN}x:no such user\nb:{PLAIN}x:1:99999999999\nc:{PLA\0IN}x\n"s +
                                "d:" + std::string(20000, 'x') + "\n\ngood:{PLAIN}x\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, file->userCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, file->faultCount());
        for (unsigned i = 0; i < 4; ++i) CPPUNIT_ASSERT_EQUAL(i + 1, file->faults()[i].line);
    }

    void faultsNeverShowAPassword() {
        const auto file = parse("a:{SHA}hunter2\nb:{hunter2}hunter2\nc:hunter2\nd:{PLAIN}hunter2:hunter2\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, file->faultCount());
        for (const auto& fault : file->faults()) {
            CPPUNIT_ASSERT_MESSAGE(fault.text, fault.text.find("hunter2") == std::string::npos);
        }
        // The user is still known, as mail for them is.
        CPPUNIT_ASSERT(file->find("a") != nullptr && file->find("a")->password == nullptr);
    }

    void namesThatAreNoFolderAreRefused() {
        const auto file = parse("..:{PLAIN}x\n.:{PLAIN}x\n../joe:{PLAIN}x\na\tb:{PLAIN}x\n.hidden:{PLAIN}x\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, file->faultCount());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, file->userCount());
    }

    void theCaseOfNames() {
        CPPUNIT_ASSERT_EQUAL(std::string("joe"), parse("Joe:{PLAIN}x\n")->find("JOE")->account.user);
        ParseOptions exact;
        exact.isLowerCased = false;
        const auto file = PasswdFile::parse("Joe:{PLAIN}x\njoe:{PLAIN}y\n", exact);
        CPPUNIT_ASSERT(file->find("Joe")->password->matches("x") && file->find("joe")->password->matches("y"));
        CPPUNIT_ASSERT(file->find("JOE") == nullptr);
    }

    void theFirstOfTwinsCounts() {
        const auto file = parse("joe:{PLAIN}first\nJOE:{PLAIN}second\n");
        CPPUNIT_ASSERT(file->find("joe")->password->matches("first"));
        CPPUNIT_ASSERT_EQUAL(2u, file->faults().at(0).line);
    }

    void thePrevailingPasswordIsOfTheCommonCost() {
        const auto file = parse("a:{PLAIN}x\nb:$6$rounds=1000$a$b\nc:$6$rounds=1000$c$d\nd:$6$rounds=2000$e$f\n");
        CPPUNIT_ASSERT_EQUAL(file->find("b")->password->cost(), file->prevailingPassword().cost());
        const auto empty = parse("");
        CPPUNIT_ASSERT_EQUAL(std::string("crypt$6"), empty->prevailingPassword().cost());
        CPPUNIT_ASSERT(!empty->prevailingPassword().matches("x"));
    }

    void manyFaultsAreBounded() {
        std::string text;
        for (int i = 0; i < 5000; ++i) text += "../:x\n";
        const auto file = parse(text);
        CPPUNIT_ASSERT_EQUAL(std::size_t{5000}, file->faultCount());
        CPPUNIT_ASSERT_EQUAL(PasswdFile::maxFaults, file->faults().size());
    }

    void verdicts() {
        const auto plugin = configured("joe:{PLAIN}secret:1:2::/home/joe\nout:{PLAIN}secret::::::nologin\n");
        const auto right = plugin->verify("Joe", "secret");
        CPPUNIT_ASSERT(right.outcome == Outcome::Success);
        CPPUNIT_ASSERT_EQUAL(std::string("joe"), right.account.user);
        const auto wrong = plugin->verify("joe", "Secret");
        CPPUNIT_ASSERT(wrong.outcome == Outcome::WrongPassword);
        CPPUNIT_ASSERT(wrong.account.user.empty());
        CPPUNIT_ASSERT(plugin->verify("nobody", "secret").outcome == Outcome::UnknownUser);
        CPPUNIT_ASSERT(plugin->verify("", "").outcome == Outcome::UnknownUser);
        CPPUNIT_ASSERT(plugin->verify("out", "secret").outcome == Outcome::Disabled);
        CPPUNIT_ASSERT(plugin->verify("out", "wrong").outcome == Outcome::WrongPassword);
        CPPUNIT_ASSERT(plugin->verify("joe", std::string(100000, 'x')).outcome == Outcome::WrongPassword);
        CPPUNIT_ASSERT(plugin->lookup("joe").outcome == Outcome::Success);
        CPPUNIT_ASSERT_EQUAL(std::string("/home/joe"), plugin->lookup("JOE").account.home);
        CPPUNIT_ASSERT(plugin->lookup("out").outcome == Outcome::Disabled);
        CPPUNIT_ASSERT(plugin->lookup("nobody").outcome == Outcome::UnknownUser);
    }

    void noPasswordMeansNoLogin() {
        const auto plugin = configured("joe::1:2\njane:{PLAIN}:1:2\njim\nany:{PLAIN}:::::: nopassword=y\n");
        for (const std::string user : {"joe", "jane", "jim", "any"}) {
            for (const std::string password : {"", "x", "{PLAIN}"}) {
                CPPUNIT_ASSERT_MESSAGE(user, plugin->verify(user, password).outcome != Outcome::Success);
            }
            CPPUNIT_ASSERT_MESSAGE(user, plugin->lookup(user).outcome == Outcome::Success);
        }
    }

    void scramKeysAreHandedOut() {
        const auto plugin = configured(
            "joe:{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\nplain:{PLAIN}x\n");
        CPPUNIT_ASSERT(plugin->scramKeys("joe", "SHA-256").has_value());
        CPPUNIT_ASSERT(!plugin->scramKeys("joe", "SHA-1"));
        CPPUNIT_ASSERT(plugin->scramKeys("plain", "SHA-256").has_value());
        CPPUNIT_ASSERT(plugin->scramKeys("plain", "SHA-256")->salt == plugin->scramKeys("PLAIN", "SHA-256")->salt);
        CPPUNIT_ASSERT(plugin->scramKeys("plain", "SHA-256")->salt != plugin->scramKeys("joe", "SHA-256")->salt);
        CPPUNIT_ASSERT(plugin->scramKeyHolders("SHA-256") == maildock::ScramKeyHolders::Everybody);
        CPPUNIT_ASSERT(plugin->scramKeyHolders("SHA-1") == maildock::ScramKeyHolders::Some);
        CPPUNIT_ASSERT_EQUAL(std::string("x"), plugin->plainPassword("plain").value_or(""));
        CPPUNIT_ASSERT(!plugin->plainPassword("joe") && !plugin->plainPassword("nobody"));
        CPPUNIT_ASSERT(!plugin->scramKeys("nobody", "SHA-256"));
    }

    void aChangedFileIsReadAgain() {
        const auto plugin = configured("joe:{PLAIN}one\n");
        CPPUNIT_ASSERT(plugin->verify("joe", "one").outcome == Outcome::Success);
        write("joe:{PLAIN}two\n");
        CPPUNIT_ASSERT(plugin->verify("joe", "one").outcome == Outcome::WrongPassword);
        CPPUNIT_ASSERT(plugin->verify("joe", "two").outcome == Outcome::Success);
        // In place, of the same size, within the granularity of times.
        for (int i = 0; i < 50; ++i) {
            const std::string password = i % 2 == 0 ? "six" : "ten";
            std::ofstream(_path) << "joe:{PLAIN}" + password + "\n";
            CPPUNIT_ASSERT(plugin->verify("joe", password).outcome == Outcome::Success);
        }
    }

    void aMissingFileIsATemporaryFailure() {
        const auto plugin = configured("joe:{PLAIN}one\n");
        std::filesystem::remove(_path);
        CPPUNIT_ASSERT(plugin->verify("joe", "one").outcome == Outcome::TemporaryFailure);
        CPPUNIT_ASSERT(plugin->lookup("joe").outcome == Outcome::TemporaryFailure);
        write("joe:{PLAIN}one\n");
        CPPUNIT_ASSERT(plugin->verify("joe", "one").outcome == Outcome::Success);
        std::filesystem::remove(_path);
        CPPUNIT_ASSERT_EQUAL(0, ::mkfifo(_path.c_str(), 0600));
        CPPUNIT_ASSERT(plugin->verify("joe", "one").outcome == Outcome::TemporaryFailure);
        CPPUNIT_ASSERT_THROW(PasswdFileAuthenticator().configure(_settings), std::runtime_error);
    }

    void checkFindsWhatIsWrong() {
        const PasswdFileAuthenticator plugin;
        const auto missing = plugin.check(_settings);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, missing.size());
        CPPUNIT_ASSERT(missing[0].severity == Finding::Error && missing[0].key == "auth.passwdfile.path");
        write("joe:{PLAIN}one\njane:{SHA}x\n");
        ::chmod(_path.c_str(), 0600);
        const auto broken = plugin.check(_settings);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, broken.size());
        CPPUNIT_ASSERT(broken[0].severity == Finding::Warning);
        CPPUNIT_ASSERT_MESSAGE(broken[0].text, broken[0].text.rfind(_path + ":2: ", 0) == 0);
        _settings.values["auth.passwdfile.defaultScheme"] = "SHA3";
        CPPUNIT_ASSERT(plugin.check(_settings)[0].key == "auth.passwdfile.defaultScheme");
        _settings.values["auth.passwdfile.path"] = "";
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, plugin.check(_settings).size());
    }

    void threadsReadWhileTheFileChanges() {
        const auto plugin = configured("joe:{PLAIN}0\n");
        std::atomic<int> bad{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&plugin, &bad] {
                for (int turn = 0; turn < 200; ++turn) {
                    if (plugin->lookup("joe").outcome != Outcome::Success) ++bad;
                    if (plugin->verify("joe", "never").outcome != Outcome::WrongPassword) ++bad;
                }
            });
        }
        for (int turn = 0; turn < 100; ++turn) write("joe:{PLAIN}" + std::to_string(turn) + "\n");
        for (std::thread& thread : threads) thread.join();
        CPPUNIT_ASSERT_EQUAL(0, bad.load());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PasswdFileTest);

}  // namespace
