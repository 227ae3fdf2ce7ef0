#include "imapd/commands/Search.h"

#include <algorithm>
#include <ctime>
#include <functional>

#include "imapd/response/SearchAnswer.h"
#include "imapd/search/SearchProgram.h"
#include "imapd/search/ViewedMessage.h"
#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "imapd/session/TimeSlice.h"
#include "maildir/UnreadableFile.h"

namespace imapd {

using maildir::Error;
using maildir::ErrorKind;
using maildir::RecordRef;
using maildir::Snapshot;

namespace {

class SearchExecution : public Execution {
public:
    SearchExecution(Session& session, const Search& search, SearchProgram program)
        : _search(search),
          _program(std::move(program)),
          _shown(session.view().sharedShown()),
          _newest(session.view().mailbox().snapshot()),
          _columns(session.view().mailbox().shared_from_this()) {
        _search.key = {};  // is in the program
        if (_program.readsTexts()) _texts = std::make_shared<const SearchedTexts>(_program.texts());
    }

    Progress step(Session& session) override {
        const TimeSlice slice;
        const std::function<bool()> isOver = [&slice] { return slice.isOver(); };
        while (_isReading || _next < _shown->size()) {
            if (slice.isOver()) return Progress::Again;
            if (_isReading)
                readNext(session, slice);
            else
                askNext(session, isOver);
        }
        if (!_answer) finish(session);
        ResponseWriter writer = session.writer();
        while (!session.outputIsFull()) {
            if (_answer->write(writer)) return Progress::Done;
        }
        return Progress::Again;
    }

    Reply reply() override { return Reply::ok("Search completed"); }
    [[nodiscard]] std::optional<Advance> advance() const override {
        if (_answer) return std::nullopt;  // it may have begun
        return Advance{_texts ? _done : _next, _shown->size()};
    }

private:
    struct Hit {
        std::size_t position = 0;
        Uid uid;
    };
    // A message whose text decides.
    struct Unread {
        std::size_t position = 0;
        SearchProgram::Answers answers;
    };

    // A window is asked what can be told without reading texts first; what is left is read, on all cores.
    void askNext(Session& session, const std::function<bool()>& isOver) {
        constexpr std::size_t windowMessages = 512;
        const std::size_t position = _next;
        const std::optional<bool> isMatch = ask(session, position, [&](ViewedMessage& message) {
            return _program.matchesUnread(message, _answers, isOver);
        });
        if (!isMatch && _program.isPaused()) return;
        ++_next;
        if (!isMatch)
            _unread.push_back({position, std::move(_answers)});
        else if (*isMatch)
            addHit(position);
        if (!_texts || (_next % windowMessages != 0 && _next < _shown->size())) return;
        _isReading = !_unread.empty();
        if (_isReading)
            readAhead(session);
        else
            endWindow();
    }

    void readAhead(Session& session) {
        constexpr std::size_t few = 8;
        if (_unread.size() < few) return;
        std::vector<Uid> uids;
        for (const Unread& unread : _unread) uids.push_back(_shown->at(unread.position)->uid);
        // Small batches: a message may be large.
        _reading.emplace(
            session.services().readAhead(), session.view().sharedMailbox(), std::move(uids),
            [texts = _texts](maildir::Mailbox& mailbox, Uid uid) { return texts->lookIn(mailbox, uid); },
            maildir::ReadAhead::Reach{4, 128});
    }

    // A message that no other thread has read is read here, piece by piece.
    void readNext(Session& session, const TimeSlice& slice) {
        Unread& unread = _unread[_nextUnread];
        const Uid uid = _shown->at(unread.position)->uid;
        const std::optional<bool> isMatch = ask(session, unread.position, [&](ViewedMessage& message) {
            std::optional<SearchedTexts::Found> found;
            if (!_text && _reading) found = _reading->take(_nextUnread);
            try {
                if (!found) {
                    if (!_text) _text.emplace(*_texts, session.view().mailbox(), uid);
                    while (!_text->step()) {
                        if (slice.isOver()) return std::optional<bool>();
                    }
                    found = _text->take();
                }
            } catch (const Error& error) {
                if (!maildir::isOfOneMessage(error)) throw;
                session.noteUnreadable(error);
                found = _texts->nothing();
            }
            message.textWasRead(*_texts, *found);
            return std::optional(_program.matchesRead(message, std::move(unread.answers)));
        });
        if (!isMatch) return;
        _text.reset();
        if (*isMatch) addHit(unread.position);
        _done = unread.position + 1;
        if (++_nextUnread == _unread.size()) endWindow();
    }

    void endWindow() {
        _isReading = false;
        _reading.reset();
        _unread.clear();
        _nextUnread = 0;
        _done = _next;
        std::sort(_hits.begin() + static_cast<std::ptrdiff_t>(_windowHits), _hits.end(),
                  [](const Hit& a, const Hit& b) { return a.position < b.position; });
        _windowHits = _hits.size();
    }

    void addHit(std::size_t position) { _hits.push_back({position, _shown->at(position, _chunk)->uid}); }

    template <class Question>
    std::optional<bool> ask(Session& session, std::size_t position, Question&& question) {
        const RecordRef shown = _shown->at(position, _chunk);
        // The newest flags; a message that another session expunged keeps those that the view shows.
        const std::optional<RecordRef> newest = _newest == _shown ? shown : _newest->find(shown->uid);
        ViewedMessage message(session, newest ? *newest : shown, newest ? _newest->keywords() : _shown->keywords(),
                              _columns);
        try {
            return question(message);
        } catch (const Error& error) {
            // RFC 2180 4.3: what is gone is not found.
            if (error.kind() != ErrorKind::Expunged) throw;
            return false;
        }
    }

    [[nodiscard]] std::uint32_t numberOf(const Hit& hit) const {
        return _search.isUid ? hit.uid.value : static_cast<std::uint32_t>(hit.position + 1);
    }

    void finish(Session& session) {
        _columns.keep();
        _answer.emplace(answer(session));
        if (_search.returnSave) save(session);
        std::vector<Hit>().swap(_hits);
    }

    [[nodiscard]] SearchAnswer answer(Session& session) const {
        std::vector<std::uint32_t> numbers;
        numbers.reserve(_hits.size());
        for (const Hit& hit : _hits) numbers.push_back(numberOf(hit));
        // RFC 9051 6.4.4: without RETURN, IMAP4rev2 answers as with RETURN (ALL).
        if (!_search.hasReturn && !session.features().rev2) return SearchAnswer(std::move(numbers));
        const bool wantsNothing =
            !_search.returnMin && !_search.returnMax && !_search.returnAll && !_search.returnCount;
        if (wantsNothing && _search.returnSave) return {};  // RFC 5182 section 1
        ExtendedResult result;
        result.isUid = _search.isUid;
        // RFC 4731 3.1: without a match there is no MIN, MAX, ALL.
        if (_search.returnMin && !numbers.empty()) result.min = numbers.front();
        if (_search.returnMax && !numbers.empty()) result.max = numbers.back();
        if (_search.returnCount) result.count = numbers.size();
        if (_search.returnAll || wantsNothing) result.all = std::move(numbers);
        return {session.tag(), std::move(result)};
    }

    // RFC 5182 2.4: with MIN or MAX alone, only these are saved.
    void save(Session& session) const {
        const bool savesAll = _search.returnAll || _search.returnCount || (!_search.returnMin && !_search.returnMax);
        std::vector<Uid> saved;
        if (savesAll) {
            for (const Hit& hit : _hits) saved.push_back(hit.uid);
        } else if (!_hits.empty()) {
            if (_search.returnMin) saved.push_back(_hits.front().uid);
            if (_search.returnMax && (saved.empty() || _hits.size() > 1)) saved.push_back(_hits.back().uid);
        }
        session.view().saveResult(std::move(saved));
    }

    Search _search;
    SearchProgram _program;
    std::shared_ptr<const Snapshot> _shown, _newest;
    SearchColumns _columns;
    std::size_t _next = 0;            // position of the message to be asked next
    SearchProgram::Answers _answers;  // of that one
    std::size_t _chunk = 0;           // where the last one was found
    std::vector<Hit> _hits;           // in the order of positions, but for those of the window
    std::size_t _windowHits = 0;      // index of the first of these
    // Null: no key is about texts.
    std::shared_ptr<const SearchedTexts> _texts;
    std::vector<Unread> _unread;  // of the window
    bool _isReading = false;      // else the window is being asked
    std::size_t _nextUnread = 0;
    std::optional<SearchedTexts::Reading> _text;  // of the next one
    std::size_t _done = 0;                        // messages before this position were asked and read
    std::optional<maildir::Preparations<SearchedTexts::Found>> _reading;
    std::optional<SearchAnswer> _answer;  // once all were asked
};

std::string upperCase(std::string text) {
    for (char& c : text) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
}

// RFC 3501 6.4.4: US-ASCII and UTF-8 always, others as the library knows them and the admin lets them (row V0037).
bool isCharsetAllowed(const Policy& policy, const std::string& charset) {
    const std::vector<std::string>& allowed = policy.searchCharsets;
    if (!allowed.empty()) {
        return std::any_of(allowed.begin(), allowed.end(),
                           [&](const auto& name) { return upperCase(name) == charset; });
    }
    return charset == "US-ASCII" || charset == "UTF-8" || maildir::isKnownCharset(charset);
}

std::string badCharsetCode(const Policy& policy) {
    std::string code = "BADCHARSET (";
    if (policy.searchCharsets.empty()) {
        code += "US-ASCII UTF-8";
    } else {
        for (std::size_t i = 0; i < policy.searchCharsets.size(); ++i) {
            if (i > 0) code += ' ';
            code += policy.searchCharsets[i];
        }
    }
    return code + ')';
}

// Numbers past the end name no message here: a search for what is not there finds nothing, as Dovecot answers.
SequenceSet clipped(const SequenceSet& set, std::size_t messages) {
    SequenceSet result;
    result.isSavedResult = set.isSavedResult;
    const auto last = static_cast<std::uint32_t>(messages);
    for (const SequenceSet::Range& range : set.ranges) {
        const std::uint32_t a = range.first == 0 ? last : range.first, b = range.last == 0 ? last : range.last;
        const std::uint32_t low = std::min(a, b), high = std::min(std::max(a, b), last);
        if (low != 0 && low <= high) result.ranges.push_back({low, high});
    }
    return result;
}

std::variant<SearchProgram, Reply> compile(Session& session, const Search& search, const std::string& charset) {
    const View& view = session.view();
    const auto decode = [&charset](const std::string& text) {
        // Without CHARSET, and in what calls itself US-ASCII, clients send UTF-8.
        const bool isUtf8 = charset.empty() || charset == "US-ASCII" || charset == "UTF-8";
        return maildir::toUtf8(text, isUtf8 ? "UTF-8" : charset).value_or(text);
    };
    const auto resolve = [&view](const SequenceSet& set, bool isUid) -> std::optional<UidRanges> {
        const auto indexes = view.indexesOf(isUid ? set : clipped(set, view.size()), isUid);
        if (!indexes) return std::nullopt;
        return UidRanges(*indexes, view.shown());
    };
    return SearchProgram::compile(search.key, decode, resolve, std::time(nullptr));
}

std::unique_ptr<Execution> begin(Session& session, const Search& search) {
    const std::string charset = upperCase(search.charset);
    const WireFeatures& features = session.features();
    if (!charset.empty() && features.utf8Accept) {
        return finished(Reply::bad("CHARSET is not possible once UTF8=ACCEPT is enabled"));  // RFC 6855 section 3
    }
    std::optional<Reply> refusal;
    if (!charset.empty() && !isCharsetAllowed(session.policy(), charset)) {
        refusal = Reply::no("Unknown charset", badCharsetCode(session.policy()));
    } else {
        std::variant<SearchProgram, Reply> program = compile(session, search, charset);
        if (SearchProgram* compiled = std::get_if<SearchProgram>(&program)) {
            // RFC 5182 2.1: a NO leaves an empty result; "$" in the keys is resolved by now.
            if (search.returnSave) session.view().saveResult({});
            return std::make_unique<SearchExecution>(session, search, std::move(*compiled));
        }
        refusal = std::get<Reply>(std::move(program));
    }
    if (search.returnSave && refusal->status == Reply::No) session.view().saveResult({});
    return finished(std::move(*refusal));
}

}  // namespace

std::unique_ptr<Execution> startSearch(Session& session, Arguments&& arguments) {
    return begin(session, std::get<Search>(arguments));
}

}  // namespace imapd
