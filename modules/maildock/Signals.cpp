#include "modules/maildock/Signals.h"

#include <unistd.h>
#include <csignal>

namespace maildock {

namespace {

sigset_t ours() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

void Signals::block() {
    const sigset_t set = ours();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

Signal Signals::wait() {
    const sigset_t set = ours();
    for (;;) {
        const int number = sigwaitinfo(&set, nullptr);
        if (number == SIGHUP) return Signal::Reload;
        if (number == SIGTERM || number == SIGINT) return Signal::Stop;
    }
}

void Signals::limitStop(unsigned seconds) {
    std::signal(SIGALRM, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    ::alarm(seconds);
}

}  // namespace maildock
