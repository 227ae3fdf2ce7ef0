// How long one step of a command may run before others have their turn.
#pragma once

#include <chrono>

namespace imapd {

class TimeSlice {
public:
    [[nodiscard]] bool isOver() const { return std::chrono::steady_clock::now() >= _end; }

private:
    static constexpr std::chrono::milliseconds length{40};
    std::chrono::steady_clock::time_point _end = std::chrono::steady_clock::now() + length;
};

}  // namespace imapd
