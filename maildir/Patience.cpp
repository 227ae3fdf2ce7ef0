#include "maildir/Patience.h"

namespace maildir {

namespace {

thread_local Patience::Kind mine = Patience::Kind::Waits;

// About what a step of a command takes by which others are held up.
constexpr std::chrono::milliseconds shortWork{10};

}  // namespace

Patience::Kind Patience::current() {
    return mine;
}

std::optional<std::chrono::milliseconds> Patience::forWork() {
    if (mine == Kind::Waits) return std::nullopt;
    return shortWork;
}

Error Patience::error(const std::string& text, const std::string& path) {
    return Error(mine == Kind::Returns ? ErrorKind::WouldWait : ErrorKind::Busy, text, path);
}

Patience::Scope::Scope(Kind kind) : _before(mine) {
    mine = kind;
}

Patience::Scope::~Scope() {
    mine = _before;
}

}  // namespace maildir
