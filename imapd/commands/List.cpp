#include "imapd/commands/List.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "imapd/commands/ListEntry.h"
#include "imapd/commands/ListPattern.h"
#include "imapd/commands/ListedNames.h"
#include "imapd/commands/Status.h"
#include "imapd/session/Session.h"
#include "imapd/session/TimeSlice.h"
#include "imapd/session/UserMail.h"

namespace imapd {

using maildir::MailboxName;

namespace {

ListPatterns patternsOf(const UserMail& mail, const std::string& reference, const std::vector<std::string>& given) {
    ListPatterns patterns;
    for (const std::string& each : given) {
        patterns.add(ListPattern(mail.comparable(reference + each), mail.delimiter()));
    }
    return patterns;
}

// An empty pattern asks for the delimiter and the root of the reference (RFC 3501 6.3.8).
void writeRoot(Session& session, std::string_view response, const std::string& reference) {
    std::string root = reference;
    const std::size_t end = root.find(session.mail().delimiter());
    root = end == std::string::npos ? std::string() : root.substr(0, end + 1);
    writeEntry(session, {.response = response, .attributes = {"\\Noselect"}, .wireName = root});
}

// Row V0031: where it is asked for, a reference that is no level of the hierarchy lists nothing.
bool isNoLevel(Session& session, const std::string& reference) {
    const UserMail& mail = session.mail();
    if (!session.policy().strictReference || reference.empty() || reference == mail.prefix()) return false;
    if (reference.back() != mail.delimiter()) return true;
    try {
        const MailboxName level = mail.existingNameOf(reference);
        return !mail.tree().exists(level) && !mail.tree().hasChildren(level);
    } catch (const maildir::Error& error) {
        if (error.kind() != maildir::ErrorKind::InvalidName) throw;
        return true;
    }
}

class ListExecution : public Execution {
public:
    ListExecution(Session& session, List command, std::string response)
        : _command(std::move(command)),
          _response(std::move(response)),
          _patterns(patternsOf(session.mail(), _command.reference, _command.patterns)),
          _names(session.mail(), _command.selectSubscribed || _command.returnSubscribed ? ListedNames::WithSubscriptions
                                                                                        : ListedNames::Existing) {}

    Progress step(Session& session) override {
        const TimeSlice slice;
        while (!_isGathered) {
            if (slice.isOver()) return Progress::Again;
            _isGathered = _names.step(session.mail());
            if (_isGathered) _specialUses = session.mail().specialUses();
        }
        if (_command.selectRecursiveMatch && !findUnlisted(session, slice)) return Progress::Again;
        while (_status || _next < _names.ordered().size()) {
            if (session.outputIsFull() || slice.isOver()) return Progress::Again;
            if (_status) {
                if (!stepStatus(session, slice)) return Progress::Again;
                continue;
            }
            const auto& [place, candidate] = _names.ordered()[_next];
            const std::string wireName = _names.wireNameAt(session.mail(), place);
            const auto isMatch = matches(session, wireName, slice);
            if (!isMatch) return Progress::Again;
            ++_next;
            if (*isMatch) list(session, place, candidate, wireName);
        }
        return Progress::Done;
    }

    Reply reply() override { return Reply::ok(_response + " completed"); }

private:
    // Nothing: the time of this step is over, and the same name is to be asked again.
    std::optional<bool> matches(Session& session, const std::string& wireName, const TimeSlice& slice) {
        return _patterns.match(session.mail().comparable(wireName), [&slice] { return slice.isOver(); });
    }

    // RFC 5258 3.5: a name that is not subscribed itself is told for its subscribed inferiors only if this command does
    // not tell all of these. Finds the names that have others. False: another step is needed.
    bool findUnlisted(Session& session, const TimeSlice& slice) {
        for (; _nextOfInferiors < _names.ordered().size(); ++_nextOfInferiors) {
            const auto& [place, candidate] = _names.ordered()[_nextOfInferiors];
            if (!candidate.isSubscribed) continue;
            if (slice.isOver()) return false;
            bool isListed = !_command.selectSpecialUse || hasSpecialUse(place);
            if (isListed) {
                const auto isMatch = matches(session, _names.wireNameAt(session.mail(), place), slice);
                if (!isMatch) return false;
                isListed = *isMatch;
            }
            if (!isListed) eachSuperior(place, [this](const MailboxName& above) { _withUnlisted.insert(above); });
        }
        return true;
    }

    [[nodiscard]] std::vector<std::string> specialUsesOf(const ListedNames::Place& place) const {
        const auto name = _names.mailboxAt(place);
        const auto own = name ? _specialUses.find(*name) : _specialUses.end();
        return own != _specialUses.end() ? own->second : std::vector<std::string>();
    }

    [[nodiscard]] bool hasSpecialUse(const ListedNames::Place& place) const { return !specialUsesOf(place).empty(); }

    void list(Session& session, const ListedNames::Place& place, const ListCandidate& candidate,
              const std::string& wireName) {
        std::vector<std::string> uses = specialUsesOf(place);
        if (_response == "XLIST" && place.isInbox()) uses.emplace_back("\\Inbox");
        if (_command.selectSubscribed && !candidate.isSubscribed && !_withUnlisted.contains(place)) return;
        if (!_command.selectSubscribed && !candidate.exists) return;
        if (_command.selectSpecialUse && uses.empty()) return;
        std::vector<std::string> attributes = attributesOf(candidate, uses);
        const auto name = _names.mailboxAt(place);
        const bool isSelectable = name && candidate.isSelectable;
        // RFC 3501 7.2.2: mail has come since the mailbox was last selected.
        if (session.policy().tellsMarked && isSelectable && session.mail().tree().hasNewMail(*name)) {
            attributes.emplace_back("\\Marked");
        }
        writeEntry(session, {.response = _response,
                             .attributes = std::move(attributes),
                             .wireName = wireName,
                             .hasChildInfo = _command.selectRecursiveMatch && candidate.hasSubscribedChildren});
        if (!_command.returnStatus.empty() && isSelectable) {
            try {
                _status.emplace(session.mail().open(*name), wireName, _command.returnStatus);
            } catch (const maildir::Error&) {
                _status.reset();  // RFC 5819 2: what cannot be told is left out
            }
        }
    }

    [[nodiscard]] std::vector<std::string> attributesOf(const ListCandidate& candidate,
                                                        const std::vector<std::string>& uses) const {
        std::vector<std::string> attributes;
        if (!candidate.exists)
            attributes.emplace_back("\\NonExistent");  // RFC 5258 3: implies \Noselect
        else if (!candidate.isSelectable)
            attributes.emplace_back("\\Noselect");
        if (_command.returnSubscribed || _command.selectSubscribed) {
            if (candidate.isSubscribed) attributes.emplace_back("\\Subscribed");
        }
        attributes.emplace_back(candidate.hasChildren ? "\\HasChildren" : "\\HasNoChildren");  // RFC 3348
        // In a plain LIST too: macOS Mail takes them from there, without asking.
        attributes.insert(attributes.end(), uses.begin(), uses.end());
        return attributes;
    }

    bool stepStatus(Session& session, const TimeSlice& slice) {
        try {
            if (!_status->step(session, slice)) return false;
        } catch (const maildir::Error& error) {
            if (error.kind() == maildir::ErrorKind::WouldWait) throw;
            session.logFailure("LIST with STATUS", error);
        }
        _status.reset();
        return true;
    }

    List _command;
    std::string _response;
    ListPatterns _patterns;
    ListedNames _names;
    bool _isGathered = false;
    UserMail::SpecialUses _specialUses;
    std::set<ListedNames::Place> _withUnlisted;  // have subscribed inferiors that are not listed
    std::size_t _nextOfInferiors = 0, _next = 0;
    std::optional<StatusWork> _status;
};

class LsubExecution : public Execution {
public:
    LsubExecution(Session& session, const Lsub& command)
        : _patterns(patternsOf(session.mail(), command.reference, {command.pattern})),
          _names(session.mail(), ListedNames::Subscribed),
          _stopsAtLevels(command.pattern.back() == '%') {}

    Progress step(Session& session) override {
        const TimeSlice slice;
        while (!_isGathered) {
            if (slice.isOver()) return Progress::Again;
            _isGathered = _names.step(session.mail());
        }
        for (; _next < _names.ordered().size(); ++_next) {
            if (session.outputIsFull() || slice.isOver()) return Progress::Again;
            const auto& [place, candidate] = _names.ordered()[_next];
            // A level above subscribed names is listed as \Noselect where the pattern ends at levels (RFC 3501 6.3.9).
            const bool isLevel = _stopsAtLevels && candidate.hasSubscribedChildren;
            if (!candidate.isSubscribed && !isLevel) continue;
            const std::string wireName = _names.wireNameAt(session.mail(), place);
            if (!*_patterns.match(session.mail().comparable(wireName), [] { return false; })) continue;
            std::vector<std::string> attributes;
            if (!candidate.isSubscribed) attributes.emplace_back("\\Noselect");
            writeEntry(session, {.response = "LSUB", .attributes = std::move(attributes), .wireName = wireName});
        }
        return Progress::Done;
    }

    Reply reply() override { return Reply::ok("LSUB completed"); }

private:
    ListPatterns _patterns;
    ListedNames _names;
    bool _isGathered = false;
    bool _stopsAtLevels;
    std::size_t _next = 0;
};

}  // namespace

std::unique_ptr<Execution> startList(Session& session, Arguments&& arguments) {
    List& command = std::get<List>(arguments);
    if (isNoLevel(session, command.reference)) return finished(Reply::ok("LIST completed"));
    if (!command.isExtended && command.patterns.size() == 1 && command.patterns.front().empty()) {
        writeRoot(session, "LIST", command.reference);
        return finished(Reply::ok("LIST completed"));
    }
    if (command.selectRecursiveMatch && !command.selectSubscribed) {
        return finished(Reply::bad("RECURSIVEMATCH needs another selection option"));  // RFC 5258 3.1
    }
    if (std::find(command.returnStatus.begin(), command.returnStatus.end(), StatusItem::HighestModSeq) !=
        command.returnStatus.end()) {
        return finished(Reply::bad("HIGHESTMODSEQ is not offered"));
    }
    return std::make_unique<ListExecution>(session, std::move(command), "LIST");
}

std::unique_ptr<Execution> startXList(Session& session, Arguments&& arguments) {
    XList& command = std::get<XList>(arguments);
    if (isNoLevel(session, command.reference)) return finished(Reply::ok("XLIST completed"));
    List list;
    list.reference = std::move(command.reference);
    list.patterns.push_back(std::move(command.pattern));
    return std::make_unique<ListExecution>(session, std::move(list), "XLIST");
}

std::unique_ptr<Execution> startLsub(Session& session, Arguments&& arguments) {
    const Lsub& command = std::get<Lsub>(arguments);
    if (isNoLevel(session, command.reference)) return finished(Reply::ok("LSUB completed"));
    if (command.pattern.empty()) {
        writeRoot(session, "LSUB", command.reference);
        return finished(Reply::ok("LSUB completed"));
    }
    return std::make_unique<LsubExecution>(session, command);
}

}  // namespace imapd
