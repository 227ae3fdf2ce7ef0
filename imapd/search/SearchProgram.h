// A SEARCH made ready to be asked of many messages: strings in UTF-8 and folded, sets resolved, cheap keys first. A
// message is asked in levels, what is free first; a dear key is looked at only where the cheap ones leave the answer
// open. RFC 3501 6.4.4, RFC 9051 6.4.4, RFC 5032 (YOUNGER, OLDER).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "imapd/parser/Command.h"
#include "imapd/response/Reply.h"
#include "imapd/search/SearchSubject.h"
#include "imapd/search/SearchedTexts.h"
#include "imapd/search/UidRanges.h"

namespace imapd {

class SearchProgram {
public:
    // Turns the client's strings into UTF-8; sets into ranges (isUid tells which numbers); nothing for a set that is
    // the client's mistake.
    using Decode = std::function<std::string(const std::string&)>;
    using Resolve = std::function<std::optional<UidRanges>(const SequenceSet&, bool isUid)>;

    // now: for YOUNGER and OLDER, seconds since the epoch. A Reply says what is wrong: BAD for a set, NO [LIMIT] for
    // too many keys.
    static std::variant<SearchProgram, Reply> compile(const SearchKey& key, const Decode& decode,
                                                      const Resolve& resolve, std::int64_t now);

private:
    enum class Truth { No, Yes, Open };

public:
    // What a message was asked so far.
    class Answers {
        friend class SearchProgram;
        std::vector<Truth> truths;
    };

    // Throws what the subject throws. Not const: remembers answers within one message.
    bool matches(SearchSubject& subject);
    // These do the same in two steps: the first tells what it can without reading the text (nothing: `answers` is for
    // the second step), the second one the rest.
    std::optional<bool> matchesUnread(SearchSubject& subject, Answers& answers);
    bool matchesRead(SearchSubject& subject, Answers answers);

    // The first step in pieces: many keys about a large header take long. isOver is asked after each look at a header;
    // then nothing is told, isPaused() is true, and the same message is to be asked again, with the same answers.
    std::optional<bool> matchesUnread(SearchSubject& subject, Answers& answers, const std::function<bool()>& isOver);
    [[nodiscard]] bool isPaused() const { return _isPaused; }

    // Whether the second step may be needed, and all texts that it may ask for.
    [[nodiscard]] bool readsTexts() const { return _root.level == BodyText; }
    [[nodiscard]] SearchedTexts texts() const;

private:
    // What a key costs; the order counts.
    enum Level { Free, Stat, HeaderText, BodyText };
    struct Node {
        SearchKey::Kind kind = SearchKey::All;
        Level level = Free;                                     // of the cheapest look that always decides it
        std::size_t answer = 0;                                 // index in _answers, for keys that are not free
        std::string name;                                       // HEADER's field (upper case), KEYWORD's keyword
        bool isAddress = false;                                 // HEADER stands for FROM, TO, CC, BCC
        std::shared_ptr<const maildir::SearchPattern> pattern;  // null: the empty string
        std::uint64_t number = 0;
        std::int64_t time = 0;  // YOUNGER, OLDER: compared with INTERNALDATE
        std::int32_t day = 0;
        UidRanges set;
        std::vector<Node> children;
        [[nodiscard]] Level cheapest() const;  // of the keys
    };
    class Compiler;

    SearchProgram() = default;
    std::optional<bool> matchesUnread(SearchSubject& subject);
    std::optional<bool> askUnread(SearchSubject& subject);
    Truth ask(const Node& node, SearchSubject& subject, Level level);
    Truth askAll(const Node& node, SearchSubject& subject, Level level, Truth decisive);
    Truth askKey(const Node& node, SearchSubject& subject, Level level);
    static bool askFree(const Node& node, const SearchSubject& subject);
    static bool askStat(const Node& node, SearchSubject& subject);
    static bool askHeader(const Node& node, SearchSubject& subject);
    void askBodies(SearchSubject& subject, bool withHeaders);

    Node _root;
    Level _first = Free;  // that decides anything
    std::size_t _answerCount = 0;
    std::vector<Truth> _answers;  // of the current message
    const std::function<bool()>* _isOver = nullptr;
    bool _isPaused = false;
};

}  // namespace imapd
