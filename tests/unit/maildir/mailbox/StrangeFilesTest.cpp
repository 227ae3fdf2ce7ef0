// What is no regular file under the name of a message: before the mailbox is opened it is no message, and later the
// message is gone. Nobody waits for it.
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

#include "MaildirFixture.h"

namespace maildir::test {

namespace {

using Maker = std::function<void(const std::string& path)>;

void makeSocket(const std::string& path) {
    const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CPPUNIT_ASSERT(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    CPPUNIT_ASSERT_EQUAL(0, ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

const std::vector<std::pair<std::string, Maker>> kinds = {
    {"pipe", [](const std::string& path) { CPPUNIT_ASSERT_EQUAL(0, mkfifo(path.c_str(), 0600)); }},
    {"socket", makeSocket},
    {"directory", [](const std::string& path) { CPPUNIT_ASSERT_EQUAL(0, mkdir(path.c_str(), 0700)); }},
    {"dangling link", [](const std::string& path) { CPPUNIT_ASSERT_EQUAL(0, symlink("nowhere", path.c_str())); }},
    {"link to itself", [](const std::string& path) { CPPUNIT_ASSERT_EQUAL(0, symlink(path.c_str(), path.c_str())); }},
    {"link to a device", [](const std::string& path) { CPPUNIT_ASSERT_EQUAL(0, symlink("/dev/zero", path.c_str())); }},
    {"link to a message", [](const std::string& path) { CPPUNIT_ASSERT_EQUAL(0, symlink("good:2,", path.c_str())); }},
};

// Lets go whoever waits for a pipe after a while, so that a test that hangs fails instead.
class Release {
public:
    explicit Release(std::string path)
        : _thread([this, path = std::move(path)] {
              std::unique_lock lock(_mutex);
              for (int tries = 0; tries < 20; ++tries) {
                  if (_end.wait_for(lock, std::chrono::seconds(5), [this] { return _isOver; })) return;
                  wasNeeded = true;
                  const FileDescriptor writer(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
              }
          }) {}
    ~Release() { end(); }
    void end() {
        {
            const std::lock_guard lock(_mutex);
            _isOver = true;
        }
        _end.notify_all();
        if (_thread.joinable()) _thread.join();
    }
    bool wasNeeded = false;  // read after end()

private:
    std::mutex _mutex;
    std::condition_variable _end;
    bool _isOver = false;
    std::thread _thread;
};

class StrangeFilesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StrangeFilesTest);
    CPPUNIT_TEST(areNoMessages);
    CPPUNIT_TEST(areToldOnceIfTheyAreLinks);
    CPPUNIT_TEST(areToldIfTheyComeLater);
    CPPUNIT_TEST(areAGoneMessageToAReader);
    CPPUNIT_TEST(areAGoneMessageToACopy);
    CPPUNIT_TEST(areAGoneMessageToAMove);
    CPPUNIT_TEST(areAGoneMessageToAnExpunge);
    CPPUNIT_TEST(areAGoneMessageToAFlagChange);
    CPPUNIT_TEST(hangNoListOfUids);
    CPPUNIT_TEST_SUITE_END();

    // A mailbox of two messages, of which the first is something else by now.
    struct Case {
        Case(const std::string& kind, const Maker& make, bool isWatched)
            : name(kind + (isWatched ? ", watched" : ", not watched")), process(isWatched) {
            maildir.put("bad:2,", "Subject: bad\n\nbad\n");
            maildir.put("good:2,", "Subject: good\n\ngood\n");
            source = process.open(maildir.path);
            target = process.open(targetMaildir.path);
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), source->refresh()->size());
            target->refresh();
            std::filesystem::remove(maildir.path + "/cur/bad:2,");
            make(maildir.path + "/cur/bad:2,");
            maildir.age();
        }
        TemporaryDirectory directory;
        Maildir maildir{directory.path + "/box"}, targetMaildir{directory.path + "/target"};
        const std::string name;
        Process process;
        std::shared_ptr<Mailbox> source, target;
        const Uid bad{1}, good{2};
    };

    template <class Check>
    static void eachCase(const Check& check) {
        for (const bool isWatched : {true, false}) {
            for (const auto& [kind, make] : kinds) {
                Case each(kind, make, isWatched);
                Release release(each.maildir.path + "/cur/bad:2,");
                check(each);
                CPPUNIT_ASSERT_MESSAGE(
                    each.name, eventually(*each.source, [&](const Snapshot& now) { return !now.find(each.bad); }));
                release.end();
                CPPUNIT_ASSERT_MESSAGE(each.name + ": waited for a pipe", !release.wasNeeded);
            }
        }
    }

    static void requireExpunged(const std::string& name, const std::function<void()>& action) {
        try {
            action();
        } catch (const Error& error) {
            CPPUNIT_ASSERT_MESSAGE(name + ": " + error.what(), error.kind() == ErrorKind::Expunged);
            return;
        }
        CPPUNIT_FAIL(name + ": was read");
    }

public:
    void areNoMessages() {
        for (const auto& [kind, make] : kinds) {
            const TemporaryDirectory directory;
            Maildir maildir(directory.path + "/box");
            maildir.put("good:2,");
            make(maildir.path + "/cur/bad:2,");
            make(maildir.path + "/new/worse");
            const Process process;
            const auto mailbox = process.open(maildir.path);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(kind, std::string("1:good "), joined(listing(*mailbox->refresh())));
            make(maildir.path + "/cur/later:2,");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(kind, std::size_t(1), mailbox->refresh()->size());
        }
    }

    void areToldOnceIfTheyAreLinks() {
        const TemporaryDirectory directory;
        Maildir maildir(directory.path + "/box"), other(directory.path + "/other");
        for (const char* name : {"cur/a:2,", "cur/b:2,S", "new/c"})
            CPPUNIT_ASSERT_EQUAL(0, symlink("/etc/passwd", (maildir.path + "/" + name).c_str()));
        CPPUNIT_ASSERT_EQUAL(0, symlink("/etc/passwd", (other.path + "/cur/d:2,").c_str()));
        for (const bool isWatched : {true, false}) {
            const Process process(isWatched);
            MailStore store(process.options(), 0);  // keeps none that is not in use
            for (int i = 0; i < 3; ++i) {
                const auto mailbox = store.open(maildir.path);
                for (int looks = 0; looks < 3; ++looks) {
                    maildir.deliver();
                    mailbox->refresh();
                }
                store.open(other.path)->refresh();
            }
            CPPUNIT_ASSERT_EQUAL_MESSAGE(process.told().all(), std::size_t(2), process.told().count(""));
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), process.told().count("3 of the names in " + maildir.path));
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), process.told().count("such as new/c: they are not shown"));
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), process.told().count("1 of the names in " + other.path));
        }
    }

    void areToldIfTheyComeLater() {
        for (const bool isWatched : {true, false}) {
            const TemporaryDirectory directory;
            Maildir maildir(directory.path + "/box");
            maildir.put("a:2,");
            const Process process(isWatched);
            const auto mailbox = process.open(maildir.path);
            mailbox->refresh();
            // As a program does that puts links in the place of what is twice.
            CPPUNIT_ASSERT_EQUAL(0, symlink("/etc/passwd", (maildir.path + "/tmp/a").c_str()));
            std::filesystem::rename(maildir.path + "/tmp/a", maildir.path + "/cur/a:2,");
            CPPUNIT_ASSERT(eventually(*mailbox, [](const Snapshot& now) { return now.size() == 0; }));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(process.told().all(), std::size_t(1),
                                         process.told().count("1 of the names in"));
            CPPUNIT_ASSERT_EQUAL(0, symlink("/etc/passwd", (maildir.path + "/cur/b:2,").c_str()));
            mailbox->refresh();
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), process.told().count(""));
        }
    }

    void areAGoneMessageToAReader() {
        eachCase([](Case& each) {
            requireExpunged(each.name, [&] { (void)each.source->open(each.bad); });
            CPPUNIT_ASSERT_EQUAL(std::string("Subject: good\n\ngood\n"), readAll(each.source->open(each.good)));
        });
    }

    void areAGoneMessageToACopy() {
        eachCase([](Case& each) {
            const std::vector<Uid> both = {each.bad, each.good};
            CPPUNIT_ASSERT_MESSAGE(each.name, each.target->copyFrom(*each.source, both).someExpunged);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(each.name, std::size_t(0),
                                         each.targetMaildir.fileCount() + each.targetMaildir.count("tmp"));
            const CopyResult result = each.target->copyFrom(*each.source, std::span(&each.good, 1));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(each.name, std::size_t(1), result.target.size());
        });
    }

    void areAGoneMessageToAMove() {
        eachCase([](Case& each) {
            const std::vector<Uid> both = {each.bad, each.good};
            const CopyResult result = each.target->moveFrom(*each.source, both);
            CPPUNIT_ASSERT_MESSAGE(each.name, result.someExpunged);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(each.name, std::size_t(1), result.target.size());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(each.name, std::size_t(1), each.target->refresh()->size());
        });
    }

    void areAGoneMessageToAnExpunge() {
        eachCase([](Case& each) {
            const std::vector<Uid> both = {each.bad, each.good};
            (void)each.source->expunge(both, false);
            CPPUNIT_ASSERT_MESSAGE(each.name, !std::filesystem::exists(each.maildir.path + "/cur/good:2,"));
        });
    }

    void areAGoneMessageToAFlagChange() {
        eachCase([](Case& each) {
            const std::vector<Uid> both = {each.bad, each.good};
            (void)each.source->changeFlags(both, {FlagChange::Add, FlagSet(Flag::Seen), {}});
            CPPUNIT_ASSERT_MESSAGE(each.name, std::filesystem::exists(each.maildir.path + "/cur/good:2,S"));
        });
    }

    void hangNoListOfUids() {
        for (const auto& [kind, make] : kinds) {
            const TemporaryDirectory directory;
            Maildir maildir(directory.path + "/box");
            const auto mailbox = Process().open(maildir.path);
            mailbox->refresh();
            const std::string path = maildir.path + "/dovecot-uidlist";
            Release release(path);
            std::filesystem::remove(path);
            make(path);
            CPPUNIT_ASSERT_THROW_MESSAGE(kind, append(*mailbox, "x\r\n"), Error);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(kind, std::size_t(0), maildir.fileCount() + maildir.count("tmp"));
            release.end();
            CPPUNIT_ASSERT_MESSAGE(kind + ": waited for a pipe", !release.wasNeeded);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StrangeFilesTest);

}  // namespace

}  // namespace maildir::test
