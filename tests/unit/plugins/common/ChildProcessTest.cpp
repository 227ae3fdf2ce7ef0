// Programs that are run for one question, and how many do something at once.
#include <cppunit/extensions/HelperMacros.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <system_error>
#include <thread>

#include "plugins/common/ChildProcess.h"
#include "plugins/common/Slots.h"

namespace {

using maildock::common::ChildProcess;
using maildock::common::makePipe;
using maildock::common::Slots;
using maildock::common::waitReadable;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

ChildProcess::Start shell(const std::string& script, std::vector<int> descriptors) {
    return {"/bin/sh", {"-c", script}, {"PATH=/usr/bin:/bin", "WORD=hello"}, std::move(descriptors)};
}

class ChildProcessTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ChildProcessTest);
    CPPUNIT_TEST(aStatusComesBack);
    CPPUNIT_TEST(onlyGivenDescriptorsAreOpen);
    CPPUNIT_TEST(aProgramThatIsNotThere);
    CPPUNIT_TEST(whatTakesTooLongIsEndedWithItsChildren);
    CPPUNIT_TEST(slotsAreBounded);
    CPPUNIT_TEST(heldSlotsSendNewcomersAway);
    CPPUNIT_TEST_SUITE_END();

    static std::string readAll(int descriptor) {
        std::string text;
        char buffer[512];
        while (waitReadable(descriptor, Clock::now() + seconds(20))) {
            const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
            if (got <= 0) break;
            text.append(buffer, static_cast<std::size_t>(got));
        }
        return text;
    }

public:
    void aStatusComesBack() {
        ChildProcess seven(shell("exit 7", {}));
        const int status = seven.wait(Clock::now() + seconds(20)).value();
        CPPUNIT_ASSERT(WIFEXITED(status));
        CPPUNIT_ASSERT_EQUAL(7, WEXITSTATUS(status));
        ChildProcess killed(shell("kill -9 $$", {}));
        CPPUNIT_ASSERT_EQUAL(std::string("signal 9"),
                             maildock::common::nameOfStatus(killed.wait(Clock::now() + seconds(20)).value()));
    }

    void onlyGivenDescriptorsAreOpen() {
        auto [input, toInput] = makePipe();
        auto [fromOutput, output] = makePipe();
        const std::string script = "cat <&3 >&4; echo \"$WORD\" >&4; exec ls /proc/self/fd >&4";
        // 5 is the folder that ls reads.
        ChildProcess child(shell(script, {input.number(), output.number()}));
        output.reset();
        CPPUNIT_ASSERT_EQUAL(ssize_t{3}, ::write(toInput.number(), "in\n", 3));
        toInput.reset();
        CPPUNIT_ASSERT_EQUAL(std::string("in\nhello\n0\n1\n2\n3\n4\n5\n"), readAll(fromOutput.number()));
        CPPUNIT_ASSERT_EQUAL(0, child.wait(Clock::now() + seconds(20)).value());
    }

    void aProgramThatIsNotThere() {
        CPPUNIT_ASSERT_THROW(ChildProcess({"/nonexistent/program", {}, {}, {}}), std::system_error);
    }

    void whatTakesTooLongIsEndedWithItsChildren() {
        auto [fromOutput, output] = makePipe();
        const auto begin = Clock::now();
        {
            // Both hold the pipe open; one has a session of its own.
            ChildProcess child(shell("setsid sleep 600 & sleep 600 & printf x >&3; wait", {output.number()}));
            output.reset();
            char octet = 0;
            CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::read(fromOutput.number(), &octet, 1));
            CPPUNIT_ASSERT(!child.wait(Clock::now() + milliseconds(50)));
        }
        CPPUNIT_ASSERT_EQUAL(std::string(), readAll(fromOutput.number()));
        CPPUNIT_ASSERT(Clock::now() - begin < seconds(20));
    }

    void slotsAreBounded() {
        Slots slots(3, seconds(60));
        std::atomic<int> now{0};
        std::atomic<int> most{0};
        std::atomic<int> held{0};
        {
            std::vector<std::jthread> users;
            for (int i = 0; i < 12; ++i) {
                users.emplace_back([&] {
                    const Slots::Lease slot(slots, Clock::now() + seconds(60));
                    const int count = ++now;
                    int before = most;
                    while (before < count && !most.compare_exchange_weak(before, count)) {
                    }
                    std::this_thread::sleep_for(milliseconds(2));
                    held += slot.isHeld() ? 1 : 0;
                    --now;
                });
            }
        }
        CPPUNIT_ASSERT_EQUAL(12, held.load());
        CPPUNIT_ASSERT(most <= 3);
    }

    void heldSlotsSendNewcomersAway() {
        Slots slots(1, milliseconds(30));
        const Slots::Lease first(slots, Clock::now());
        CPPUNIT_ASSERT(first.isHeld());
        const auto begin = Clock::now();
        for (int i = 0; i < 50; ++i) {
            const Slots::Lease next(slots, Clock::now() + seconds(60));
            CPPUNIT_ASSERT(!next.isHeld());
        }
        CPPUNIT_ASSERT(Clock::now() - begin < seconds(20));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ChildProcessTest);

}  // namespace
