#include "plugins/common/ChildProcess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace maildock::common {

namespace {

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

void require(int error, const std::string& what) {
    if (error != 0) fail(error, what);
}

std::vector<char*> pointersTo(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

struct FileActions {
    FileActions() { require(::posix_spawn_file_actions_init(&value), "posix_spawn"); }
    ~FileActions() { ::posix_spawn_file_actions_destroy(&value); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    posix_spawn_file_actions_t value{};
};

// No signal blocked or ignored, and a process group of its own.
struct Attributes {
    Attributes() {
        require(::posix_spawnattr_init(&value), "posix_spawn");
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        ::posix_spawnattr_setsigmask(&value, &none);
        ::posix_spawnattr_setsigdefault(&value, &all);
        ::posix_spawnattr_setpgroup(&value, 0);
        ::posix_spawnattr_setflags(&value, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    ~Attributes() { ::posix_spawnattr_destroy(&value); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    posix_spawnattr_t value{};
};

// Ends a process and all that descend from it, also in sessions of their own (pam_exec makes one). A process that is
// stopped waits for none of its children, so that no number changes its owner meanwhile.
void endTree(pid_t pid, int& budget) {
    if (--budget < 0) return;
    ::kill(pid, SIGSTOP);
    const std::string number = std::to_string(pid);
    std::ifstream children("/proc/" + number + "/task/" + number + "/children");
    for (pid_t child = 0; children >> child;) endTree(child, budget);
    ::kill(pid, SIGKILL);
}

}  // namespace

void Descriptor::reset() {
    if (_number >= 0) ::close(_number);
    _number = -1;
}

std::pair<Descriptor, Descriptor> makePipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) fail(errno, "pipe");
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

bool waitReadable(int descriptor, Deadline deadline) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd one{descriptor, POLLIN, 0};
        const int ready = ::poll(&one, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000)));
        if (ready > 0) return true;
        if (ready == 0 && left.count() <= 0) return false;
        if (ready < 0 && errno != EINTR) fail(errno, "poll");
    }
}

ChildProcess::ChildProcess(const Start& start) {
    const int firstGiven = 3;
    const int firstFree = firstGiven + static_cast<int>(start.descriptors.size());
    // Out of the way of the numbers that they are to have.
    std::vector<Descriptor> given;
    for (const int descriptor : start.descriptors) {
        given.emplace_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, firstFree));
        if (given.back().number() < 0) fail(errno, "dup");
    }
    FileActions actions;
    require(::posix_spawn_file_actions_addopen(&actions.value, 0, "/dev/null", O_RDONLY, 0), "posix_spawn");
    require(::posix_spawn_file_actions_addopen(&actions.value, 1, "/dev/null", O_WRONLY, 0), "posix_spawn");
    for (std::size_t i = 0; i < given.size(); ++i) {
        const int number = firstGiven + static_cast<int>(i);
        require(::posix_spawn_file_actions_adddup2(&actions.value, given[i].number(), number), "posix_spawn");
    }
    require(::posix_spawn_file_actions_addclosefrom_np(&actions.value, firstFree), "posix_spawn");
    const Attributes attributes;
    std::vector<std::string> arguments{start.program};
    arguments.insert(arguments.end(), start.arguments.begin(), start.arguments.end());
    std::vector<std::string> environment = start.environment;
    require(::posix_spawn(&_pid, start.program.c_str(), &actions.value, &attributes.value, pointersTo(arguments).data(),
                          pointersTo(environment).data()),
            start.program);
    // Not by pidfd_open(): the header of glibc 2.36 is none for C++.
    _end = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, _pid, 0)));
    if (_end.number() < 0) {
        const int error = errno;
        ::kill(-_pid, SIGKILL);
        ::waitpid(_pid, nullptr, 0);
        fail(error, "pidfd_open");
    }
}

ChildProcess::~ChildProcess() {
    // What it started may live on in its group, also if it has ended itself; until it is waited for, the group's number
    // can't be anybody else's.
    if (!_status) {
        int budget = 100;
        endTree(_pid, budget);
        ::kill(-_pid, SIGKILL);
        while (::waitpid(_pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

std::optional<int> ChildProcess::wait(Deadline deadline) {
    if (_status || !waitReadable(_end.number(), deadline)) return _status;
    ::kill(-_pid, SIGKILL);
    int status = 0;
    while (::waitpid(_pid, &status, 0) < 0) {
        if (errno != EINTR) fail(errno, "waitpid");
    }
    _status = status;
    return _status;
}

std::string nameOfStatus(int status) {
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    return "status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace maildock::common
