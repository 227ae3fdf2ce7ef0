#include "imapd/connection/StandardStreams.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>

namespace imapd {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// Wakes the loop, from any thread.
class Bell : public Wakeable {
public:
    Bell() : _event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (_event < 0) fail("eventfd");
    }
    ~Bell() override { ::close(_event); }
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    void wake() noexcept override {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t ignored = ::write(_event, &one, sizeof one);  // full: it rings already
    }
    [[nodiscard]] int descriptor() const { return _event; }
    bool hasRung() {
        std::uint64_t count = 0;
        return ::read(_event, &count, sizeof count) > 0;
    }

private:
    const int _event;
};

// False: nobody reads any more. SIGPIPE is the caller's to ignore.
bool sendAll(int descriptor, Output& output) {
    while (output.pendingOctets() > 0) {
        const std::string_view pending = output.pending();
        const ssize_t sent = ::write(descriptor, pending.data(), pending.size());
        if (sent > 0) {
            output.consume(static_cast<std::size_t>(sent));
        } else if (sent < 0 && errno == EAGAIN) {
            pollfd writable{descriptor, POLLOUT, 0};
            ::poll(&writable, 1, -1);
        } else if (sent == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

int timeoutOf(const Wants& wants) {
    if (wants.again) return 0;
    if (!wants.deadline) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*wants.deadline - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

// What has come; nothing at the end of input.
std::optional<std::string_view> receive(int descriptor, std::array<char, 16384>& buffer) {
    const ssize_t received = ::read(descriptor, buffer.data(), buffer.size());
    if (received > 0) return std::string_view(buffer.data(), static_cast<std::size_t>(received));
    if (received < 0 && (errno == EINTR || errno == EAGAIN)) return std::string_view();
    return std::nullopt;
}

void converse(int input, int output, Bell& bell, Conversation& conversation) {
    Output out;
    std::array<char, 16384> buffer{};
    Wants wants = conversation.begin(out);
    while (sendAll(output, out) && !wants.close) {
        std::array<pollfd, 2> awaited{{{bell.descriptor(), POLLIN, 0}, {wants.input ? input : -1, POLLIN, 0}}};
        if (::poll(awaited.data(), awaited.size(), timeoutOf(wants)) < 0 && errno != EINTR) fail("poll");
        std::string_view received;
        if (awaited[1].revents != 0) {
            const std::optional<std::string_view> octets = receive(input, buffer);
            if (!octets) return;
            received = *octets;
        }
        const bool isDue = wants.again || (wants.deadline && Clock::now() >= *wants.deadline);
        if (bell.hasRung() || isDue || !received.empty()) wants = conversation.converse(received, out);
    }
}

}  // namespace

void converseOver(int input, int output, const std::function<std::unique_ptr<Conversation>(Waker)>& factory) {
    const auto bell = std::make_shared<Bell>();
    const std::unique_ptr<Conversation> conversation = factory(Waker(std::weak_ptr<Wakeable>(bell)));
    try {
        converse(input, output, *bell, *conversation);
    } catch (...) {
        conversation->ended();
        throw;
    }
    conversation->ended();
}

}  // namespace imapd
