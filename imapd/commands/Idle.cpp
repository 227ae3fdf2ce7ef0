#include "imapd/commands/Idle.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "imapd/session/Session.h"

namespace imapd {

namespace {

class IdleExecution : public Execution {
public:
    explicit IdleExecution(bool isStrict) : _isStrict(isStrict) {}

    Progress step(Session& session) override {
        const auto now = std::chrono::steady_clock::now();
        if (!_nextKeepalive) {
            session.writer().continuation("idling");
            _nextKeepalive = now + session.policy().idleKeepalive;
        }
        if (_end) return Progress::Done;
        if (session.hasView() && !lookForNews(session, now)) return Progress::Again;
        if (now >= *_nextKeepalive) {
            // Keeps NAT tables alive, and finds out whether the client is there.
            session.writer().status("OK", "", "Still here");
            _nextKeepalive = now + session.policy().idleKeepalive;
        }
        session.wakeAt(_nextLook ? std::min(*_nextLook, *_nextKeepalive) : *_nextKeepalive);
        return Progress::Waiting;
    }

    Reply reply() override { return *_end; }
    [[nodiscard]] bool wantsLines() const override { return !_end; }

    void line(std::string_view text, bool) override {
        while (!_isStrict && text.ends_with(' ')) text.remove_suffix(1);
        const bool isDone = text.size() == 4 && (text[0] | 32) == 'd' && (text[1] | 32) == 'o' &&
                            (text[2] | 32) == 'n' && (text[3] | 32) == 'e';
        _end = isDone ? Reply::ok("IDLE completed") : Reply::bad("Expected DONE");
    }

private:
    // What can't be looked at now is looked at again, soon at first, since nobody tells when it can be.
    // False: not all is told yet.
    bool lookForNews(Session& session, std::chrono::steady_clock::time_point now) {
        constexpr std::chrono::seconds soon(2), late(30);
        const Session::Synchronised result = session.synchronise(true, false);
        if (result == Session::Synchronised::InPart) return false;
        if (result == Session::Synchronised::Whole) {
            _nextLook.reset();
        } else if (!_nextLook || now >= *_nextLook) {
            _pause = _nextLook ? std::min(2 * _pause, late) : soon;
            _nextLook = now + _pause + std::chrono::milliseconds(50);
        }
        return true;
    }

    const bool _isStrict;  // no blank may follow DONE (imap.parser.strict)
    std::optional<std::chrono::steady_clock::time_point> _nextKeepalive, _nextLook;
    std::chrono::seconds _pause{0};
    std::optional<Reply> _end;
};

}  // namespace

std::unique_ptr<Execution> startIdle(Session& session, Arguments&&) {
    return std::make_unique<IdleExecution>(session.policy().strictParsing);
}

}  // namespace imapd
