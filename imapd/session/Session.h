// One client's conversation: its state, its commands one after the other, and what it has been told. Octets come from
// and go to a connection that it does not know. RFC 3501 section 3 (states), 5.5 (one command at a time).
//
// Run by one thread at a time (Conversation's law), so nothing here is locked.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/Secret.h"
#include "imapd/connection/Conversation.h"
#include "imapd/parser/CommandReader.h"
#include "imapd/response/ResponseWriter.h"
#include "imapd/session/CommandRow.h"
#include "imapd/session/Execution.h"
#include "imapd/session/LogLevel.h"
#include "imapd/session/Policy.h"
#include "imapd/session/View.h"
#include "maildir/Error.h"
#include "maildir/FileIdentity.h"
#include "modules/api/Authenticator.h"

namespace imapd {

class Services;
class UserMail;
class AppendReception;

class Session : public Conversation {
public:
    enum class State { NotAuthenticated, Authenticated, Selected, LoggedOut };

    // preauthenticated: the user whom the operating system vouches for (RFC 3501 7.1.4).
    Session(std::shared_ptr<Services> services, PeerFacts peer, Waker waker,
            std::optional<maildock::Account> preauthenticated = std::nullopt);
    ~Session() override;

    // --- Conversation
    Wants begin(Output& out) override;
    Wants converse(std::string_view input, Output& out) override;
    Wants tlsStarted(const TlsFacts& facts, Output& out) override;
    void shutdown(Output& out) override;
    void ended() noexcept override;

    // --- for commands
    [[nodiscard]] State state() const { return _state; }
    [[nodiscard]] const Policy& policy() const { return *_policy; }
    [[nodiscard]] Services& services() { return *_services; }
    [[nodiscard]] const PeerFacts& peer() const { return _peer; }
    [[nodiscard]] const TlsFacts& tls() const { return _tls; }
    [[nodiscard]] Waker waker() const { return _waker; }
    [[nodiscard]] const std::shared_ptr<Services>& sharedServices() const { return _services; }
    [[nodiscard]] const std::shared_ptr<const Policy>& sharedPolicy() const { return _policy; }
    [[nodiscard]] std::string capabilityText() const;
    // STARTTLS can be offered.
    [[nodiscard]] bool offersTls() const;
    // Passwords may be sent: TLS is active, here or at a trusted proxy, or the admin allows them in the clear.
    [[nodiscard]] bool mayLogInPlainly() const {
        return _tls.isActive || _peer.isTlsAtProxy || _policy->plaintextWithoutTls;
    }
    // Writes to the output of this turn.
    [[nodiscard]] ResponseWriter writer() { return ResponseWriter(_out->buffer(), _features); }
    [[nodiscard]] bool outputIsFull() const { return _out->isFull(); }
    [[nodiscard]] WireFeatures& features() { return _features; }

    // The user's mail; only when authenticated.
    [[nodiscard]] UserMail& mail() { return *_mail; }
    // The selected mailbox; only when selected.
    [[nodiscard]] View& view() { return *_view; }
    [[nodiscard]] bool hasView() const { return _view != nullptr; }
    void select(std::unique_ptr<View> view);  // state Selected
    void unselect();                          // state Authenticated
    void authenticated(std::unique_ptr<UserMail> mail, std::string user);
    // All that touches files from the next command on has these rights; null: the server's own.
    void setFileIdentity(std::shared_ptr<const maildir::FileIdentity> identity) { _identity = std::move(identity); }
    [[nodiscard]] const std::string& user() const { return _user; }
    void tellNotice();  // the admin's, once the user is logged in
    // The tag of the command that is carried out.
    [[nodiscard]] const std::string& tag() const { return _tag; }
    void logOut(std::string_view byeText);  // * BYE text, and closes after the tagged response
    // The connection ends when all is sent.
    void closeSoon() { _closes = true; }
    // Failed log-ins of this connection.
    std::size_t& failures() { return _failures; }
    void startTls();  // once the tagged OK is sent
    // Ask for a step() at this time (IDLE's keep-alive, a delayed answer).
    void wakeAt(std::chrono::steady_clock::time_point when);
    // One line for the log, with session id, user and peer put before it. Never a password or message text.
    void log(const std::string& text, LogLevel level = LogLevel::Information);
    // Logs what failed, at the level that it deserves: what a client may well come upon is no error.
    void logFailure(const std::string& what, const maildir::Error& error);

    // A message whose file can't be read (maildir::isOfOneMessage): told to the log, once a file.
    void noteUnreadable(const maildir::Error& error);

    // Looks for news in the selected mailbox and tells them, or ends the session if the mailbox is gone.
    enum class Synchronised {
        Whole,
        InPart,   // to be called again once the client has read some of it
        Troubled  // to be looked at again soon, since it could not be now, and nobody tells when it can
    };
    Synchronised synchronise(bool mayExpunge, bool withUid);
    // To be called after a command that may have removed the selected mailbox: nothing is selected then.
    void unselectIfGone();

    // The message of the APPEND being carried out.
    [[nodiscard]] AppendReception* reception() { return _reception.get(); }

private:
    // After which other connections have their turn.
    static constexpr std::chrono::milliseconds turnLength{40};

    void run();
    bool takeEvent();
    bool stepExecution();
    void tellAdvance(const Advance& advance);
    void beginLiteral();
    void beginSink();
    void takeSinkData();
    void startCommand(const RawCommand& raw);
    void finishCommand(const Reply& reply);
    bool endCommand();
    void answerRefusal(const CommandReader::Refusal& refusal);
    void noteBad(const Reply& reply);
    void tellUnasked();
    // onlyIfShort and since: as View::SyncOptions has them. Gives the reply to what made it impossible.
    std::optional<Reply> lookForNews(bool mayExpunge, bool withUid, bool onlyIfShort,
                                     std::optional<std::chrono::steady_clock::time_point> since);
    void lookAtWhatIsKnown(View::SyncOptions options);
    bool tellNews(const std::function<bool()>& isEnough);
    bool tellPieceOfNews();
    // BYE if the selected mailbox is gone (RFC 2180 3.3): EXPUNGEs would say that its messages were removed one by one,
    // which is not known of a mailbox that was renamed or replaced.
    void endIfGone();
    void greetPreauthenticated();
    void checkDeadlines();
    void close(std::string_view code, std::string_view text);
    // The reply to a command that this state does not have.
    [[nodiscard]] std::optional<Reply> refusalByState(const CommandRow& row, const std::string& name) const;
    // The step has to be run again: another has a lock.
    void awaitLock();
    [[nodiscard]] Reply replyToError(const std::exception_ptr& failure);
    [[nodiscard]] ParserOptions parserOptions() const;
    [[nodiscard]] Wants turn(std::string_view input, Output& out);
    [[nodiscard]] Wants wants();

    std::shared_ptr<Services> _services;
    std::shared_ptr<const Policy> _policy;
    PeerFacts _peer;
    TlsFacts _tls;
    Waker _waker;
    Output* _out = nullptr;  // of this turn
    WireFeatures _features;
    State _state = State::NotAuthenticated;
    std::string _user;
    std::optional<maildock::Account> _preauthenticated;  // until the greeting
    std::shared_ptr<const maildir::FileIdentity> _identity;
    CommandReader _reader;
    std::unique_ptr<UserMail> _mail;
    std::unique_ptr<View> _view;
    std::unique_ptr<Execution> _execution;
    std::unique_ptr<AppendReception> _reception;
    const CommandRow* _row = nullptr;  // of the command being carried out
    std::optional<Reply> _ending;      // of a command that is done: its answer follows the news
    std::string _tag;
    std::string _commandName;
    bool _isUidCommand = false;
    maildock::Secret _backlog;  // octets that came while a command was at work
    bool _wantsAgain = false, _isWaiting = false, _closes = false, _startsTls = false, _isAdmitted = false;
    std::map<std::string, std::string> _complaints;  // by command: what it failed by, until it succeeds
    std::size_t _badInARow = 0, _failures = 0;
    std::size_t _answerOctets = 0;  // of this command's text and of the lines that answered it
    std::chrono::steady_clock::time_point _begun, _lastActivity;
    std::chrono::steady_clock::time_point _commandBegan, _toldAdvance;
    std::optional<std::chrono::steady_clock::time_point> _wakeAt;
    struct LockWait {
        std::chrono::steady_clock::time_point since, until;  // since the first try; until the next one
        std::chrono::milliseconds pause{};
    };
    std::optional<LockWait> _lockWait;                                // of the step to be run again
    std::optional<std::chrono::steady_clock::time_point> _newsDueAt;  // that a lock kept from being looked for
};

}  // namespace imapd
