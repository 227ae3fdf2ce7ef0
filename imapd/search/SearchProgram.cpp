#include "imapd/search/SearchProgram.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace imapd {

using maildir::Flag;
using maildir::SearchPattern;

namespace {

constexpr std::int64_t secondsOfDay = 86400;

// Bounds on what one command may ask: a step looks at one message at least, so each key makes all steps longer.
constexpr std::size_t maxKeys = 10000;
constexpr std::size_t maxSets = 1000;
constexpr std::size_t maxBodies = 100;

std::int64_t dayOf(std::int64_t seconds) {
    return seconds >= 0 ? seconds / secondsOfDay : -((-seconds + secondsOfDay - 1) / secondsOfDay);
}

// RFC 3501 6.4.4 compares the date alone, "disregarding time and timezone": the day that INTERNALDATE shows, which is
// that of the server's zone. Of moments that are further from `day` than a zone can be from UTC, the day in UTC: it is
// as far before or behind, and quicker to be had.
std::int64_t localDay(std::int64_t seconds, std::int64_t day) {
    const std::int64_t utcDay = dayOf(seconds);
    if (utcDay < day - 1 || utcDay > day + 1) return utcDay;
    const std::time_t time = seconds;
    std::tm local{};
    if (localtime_r(&time, &local) == nullptr) return utcDay;
    return dayOf(seconds + local.tm_gmtoff);
}

std::string upperCase(std::string text) {
    for (char& c : text) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
}

bool isBody(SearchKey::Kind kind) {
    return kind == SearchKey::Body || kind == SearchKey::Text;
}

}  // namespace

// --- compiling

class SearchProgram::Compiler {
public:
    Compiler(const Decode& decode, const Resolve& resolve, std::int64_t now)
        : _decode(&decode), _resolve(&resolve), _now(now) {}

    Node node(const SearchKey& key) {
        Node node;
        node.kind = key.kind;
        node.number = key.number;
        node.day = key.day;
        if (++_keys > maxKeys) refuse(Reply::no("Too many search keys (10000 at most)", "LIMIT"));
        if (_refusal) return node;
        switch (key.kind) {
            case SearchKey::Bcc:
                addresses(node, "BCC", key.text);
                break;
            case SearchKey::Cc:
                addresses(node, "CC", key.text);
                break;
            case SearchKey::From:
                addresses(node, "FROM", key.text);
                break;
            case SearchKey::Subject:
                header(node, "SUBJECT", key.text);
                break;
            case SearchKey::To:
                addresses(node, "TO", key.text);
                break;
            case SearchKey::Header:
                header(node, upperCase(key.field), key.text);
                break;
            case SearchKey::SentBefore:
            case SearchKey::SentOn:
            case SearchKey::SentSince:
                dear(node, HeaderText);
                break;
            case SearchKey::Body:
            case SearchKey::Text:
                body(node, key.text);
                break;
            case SearchKey::Keyword:
            case SearchKey::Unkeyword:
                node.name = key.text;
                break;
            case SearchKey::Younger:
            case SearchKey::Older:
                age(node);
                break;
            case SearchKey::Before:
            case SearchKey::On:
            case SearchKey::Since:
            case SearchKey::Larger:
            case SearchKey::Smaller:
                dear(node, Stat);
                break;
            case SearchKey::SequenceNumbers:
                set(node, key.set, false);
                break;
            case SearchKey::Uids:
                set(node, key.set, true);
                break;
            case SearchKey::Not:
            case SearchKey::Or:
            case SearchKey::And:
                group(node, key);
                break;
            default:
                break;  // flags
        }
        return node;
    }

    [[nodiscard]] std::optional<Reply>& refusal() { return _refusal; }
    [[nodiscard]] std::size_t answers() const { return _answers; }

private:
    void refuse(Reply reply) {
        if (!_refusal) _refusal = std::move(reply);
    }

    void dear(Node& node, Level level) {
        node.level = level;
        node.answer = _answers++;
    }

    void pattern(Node& node, const std::string& text) {
        if (!text.empty()) node.pattern = std::make_shared<const SearchPattern>((*_decode)(text));
    }

    void header(Node& node, std::string name, const std::string& text) {
        node.kind = SearchKey::Header;
        node.name = std::move(name);
        pattern(node, text);
        dear(node, HeaderText);
    }

    // RFC 3501 6.4.4: FROM, TO, CC and BCC are about what ENVELOPE shows.
    void addresses(Node& node, std::string name, const std::string& text) {
        header(node, std::move(name), text);
        node.isAddress = true;
    }

    void body(Node& node, const std::string& text) {
        if (text.empty()) {
            node.kind = SearchKey::All;  // the empty string is in every text
            return;
        }
        if (++_bodies > maxBodies) refuse(Reply::no("Too many texts to search for (100 at most)", "LIMIT"));
        pattern(node, text);
        dear(node, BodyText);
    }

    // RFC 5032 section 3: within the last so many seconds.
    void age(Node& node) {
        const std::uint64_t limit = INT64_MAX / 2;
        node.time = _now - static_cast<std::int64_t>(std::min(node.number, limit));
        dear(node, Stat);
    }

    void set(Node& node, const SequenceSet& set, bool isUid) {
        if (++_sets > maxSets) return refuse(Reply::no("Too many sets to search in (1000 at most)", "LIMIT"));
        std::optional<UidRanges> ranges = (*_resolve)(set, isUid);
        if (!ranges) return refuse(Reply::bad("No message has this number"));
        node.set = std::move(*ranges);
    }

    // Cheap keys first: they often decide alone. The search of a client is a group, most often of one key.
    void group(Node& node, const SearchKey& key) {
        for (const SearchKey& child : key.children) {
            node.children.push_back(this->node(child));
            if (_refusal) return;
            node.level = std::max(node.level, node.children.back().level);
        }
        std::stable_sort(node.children.begin(), node.children.end(),
                         [](const Node& left, const Node& right) { return left.level < right.level; });
        if (key.kind == SearchKey::Not || node.children.size() != 1) return;
        Node only = std::move(node.children.front());
        node = std::move(only);
    }

    const Decode* _decode;
    const Resolve* _resolve;
    std::int64_t _now;
    std::size_t _keys = 0, _sets = 0, _bodies = 0, _answers = 0;
    std::optional<Reply> _refusal;
};

std::variant<SearchProgram, Reply> SearchProgram::compile(const SearchKey& key, const Decode& decode,
                                                          const Resolve& resolve, std::int64_t now) {
    Compiler compiler(decode, resolve, now);
    SearchProgram program;
    program._root = compiler.node(key);
    if (compiler.refusal()) return std::move(*compiler.refusal());
    program._answerCount = compiler.answers();
    program._first = program._root.cheapest();
    return program;
}

SearchProgram::Level SearchProgram::Node::cheapest() const {
    Level result = children.empty() ? level : BodyText;
    for (const Node& child : children) result = std::min(result, child.cheapest());
    return result;
}

// --- asking

bool SearchProgram::matches(SearchSubject& subject) {
    if (const std::optional<bool> known = matchesUnread(subject)) return *known;
    return ask(_root, subject, BodyText) == Truth::Yes;
}

std::optional<bool> SearchProgram::matchesUnread(SearchSubject& subject) {
    _answers.assign(_answerCount, Truth::Open);
    return askUnread(subject);
}

std::optional<bool> SearchProgram::askUnread(SearchSubject& subject) {
    for (int level = _first; level < BodyText; ++level) {
        const Truth truth = ask(_root, subject, static_cast<Level>(level));
        if (truth != Truth::Open) return truth == Truth::Yes;
    }
    return std::nullopt;
}

std::optional<bool> SearchProgram::matchesUnread(SearchSubject& subject, Answers& answers) {
    const std::optional<bool> known = matchesUnread(subject);
    if (!known) answers.truths = std::move(_answers);
    return known;
}

std::optional<bool> SearchProgram::matchesUnread(SearchSubject& subject, Answers& answers,
                                                 const std::function<bool()>& isOver) {
    const bool goesOn = std::exchange(_isPaused, false);
    if (goesOn)
        _answers = std::move(answers.truths);
    else
        _answers.assign(_answerCount, Truth::Open);
    std::optional<bool> known;
    _isOver = &isOver;
    try {
        known = askUnread(subject);
    } catch (...) {
        _isOver = nullptr;
        _isPaused = false;
        throw;
    }
    _isOver = nullptr;
    if (known)
        _isPaused = false;
    else
        answers.truths = std::move(_answers);
    return known;
}

bool SearchProgram::matchesRead(SearchSubject& subject, Answers answers) {
    _answers = std::move(answers.truths);
    return ask(_root, subject, BodyText) == Truth::Yes;
}

SearchedTexts SearchProgram::texts() const {
    SearchedTexts::Patterns inBodies, inMessages;
    const auto gather = [&](const Node& node, const auto& self) -> void {
        if (isBody(node.kind)) (node.kind == SearchKey::Text ? inMessages : inBodies).push_back(node.pattern);
        for (const Node& child : node.children) self(child, self);
    };
    gather(_root, gather);
    return {std::move(inBodies), std::move(inMessages)};
}

SearchProgram::Truth SearchProgram::ask(const Node& node, SearchSubject& subject, Level level) {
    switch (node.kind) {
        case SearchKey::Not: {
            const Truth inner = ask(node.children.front(), subject, level);
            if (inner == Truth::Open) return inner;
            return inner == Truth::Yes ? Truth::No : Truth::Yes;
        }
        case SearchKey::And:
            return askAll(node, subject, level, Truth::No);
        case SearchKey::Or:
            return askAll(node, subject, level, Truth::Yes);
        default:
            return askKey(node, subject, level);
    }
}

// One child with the decisive answer decides; else an open one leaves it open.
SearchProgram::Truth SearchProgram::askAll(const Node& node, SearchSubject& subject, Level level, Truth decisive) {
    Truth result = decisive == Truth::No ? Truth::Yes : Truth::No;
    for (const Node& child : node.children) {
        const Truth truth = ask(child, subject, level);
        if (truth == decisive) return decisive;
        if (truth == Truth::Open) result = Truth::Open;
    }
    return result;
}

SearchProgram::Truth SearchProgram::askKey(const Node& node, SearchSubject& subject, Level level) {
    if (node.level == Free) return askFree(node, subject) ? Truth::Yes : Truth::No;
    Truth& answer = _answers[node.answer];
    if (answer != Truth::Open || node.level > level || _isPaused) return answer;
    if (node.level == BodyText) {
        askBodies(subject, node.kind == SearchKey::Text);
    } else {
        const bool isMatch = node.level == Stat ? askStat(node, subject) : askHeader(node, subject);
        answer = isMatch ? Truth::Yes : Truth::No;
        if (node.level == HeaderText && _isOver != nullptr) _isPaused = (*_isOver)();
    }
    return answer;
}

bool SearchProgram::askFree(const Node& node, const SearchSubject& subject) {
    const maildir::FlagSet flags = subject.flags();
    switch (node.kind) {
        case SearchKey::Answered:
            return flags.has(Flag::Answered);
        case SearchKey::Deleted:
            return flags.has(Flag::Deleted);
        case SearchKey::Draft:
            return flags.has(Flag::Draft);
        case SearchKey::Flagged:
            return flags.has(Flag::Flagged);
        case SearchKey::Seen:
            return flags.has(Flag::Seen);
        case SearchKey::Unanswered:
            return !flags.has(Flag::Answered);
        case SearchKey::Undeleted:
            return !flags.has(Flag::Deleted);
        case SearchKey::Undraft:
            return !flags.has(Flag::Draft);
        case SearchKey::Unflagged:
            return !flags.has(Flag::Flagged);
        case SearchKey::Unseen:
            return !flags.has(Flag::Seen);
        case SearchKey::New:
            return subject.isRecent() && !flags.has(Flag::Seen);
        case SearchKey::Old:
            return !subject.isRecent();
        case SearchKey::Recent:
            return subject.isRecent();
        case SearchKey::Keyword:
            return subject.hasKeyword(node.name);
        case SearchKey::Unkeyword:
            return !subject.hasKeyword(node.name);
        case SearchKey::SequenceNumbers:
        case SearchKey::Uids:
            return node.set.contains(subject.uid());
        default:
            return true;  // ALL
    }
}

bool SearchProgram::askStat(const Node& node, SearchSubject& subject) {
    switch (node.kind) {
        case SearchKey::Before:
            return localDay(subject.internalDate(), node.day) < node.day;
        case SearchKey::On:
            return localDay(subject.internalDate(), node.day) == node.day;
        case SearchKey::Since:
            return localDay(subject.internalDate(), node.day) >= node.day;
        case SearchKey::Larger:
            return subject.octets() > node.number;
        case SearchKey::Smaller:
            return subject.octets() < node.number;
        case SearchKey::Younger:
            return subject.internalDate() >= node.time;
        default:
            return subject.internalDate() <= node.time;  // OLDER
    }
}

bool SearchProgram::askHeader(const Node& node, SearchSubject& subject) {
    if (node.kind == SearchKey::Header) {
        const std::string_view values =
            node.isAddress ? subject.foldedAddresses(node.name) : subject.foldedHeader(node.name);
        // RFC 3501 6.4.4: the empty string asks whether there is such a field.
        return node.pattern ? node.pattern->foundInFoldedLines(values) : !values.empty();
    }
    const std::optional<std::int64_t> day = subject.sentDay();
    if (!day || node.kind == SearchKey::SentBefore) return day && *day < node.day;
    return node.kind == SearchKey::SentOn ? *day == node.day : *day >= node.day;
}

// All texts that are open are looked for in one reading of the message.
void SearchProgram::askBodies(SearchSubject& subject, bool withHeaders) {
    std::vector<const SearchPattern*> patterns;
    std::vector<std::size_t> answers;
    const auto gather = [&](const Node& node, const auto& self) -> void {
        if (isBody(node.kind) && (node.kind == SearchKey::Text) == withHeaders &&
            _answers[node.answer] == Truth::Open) {
            patterns.push_back(node.pattern.get());
            answers.push_back(node.answer);
        }
        for (const Node& child : node.children) {
            if (child.level == BodyText) self(child, self);
        }
    };
    gather(_root, gather);
    const std::vector<bool> found = subject.textHas(patterns, withHeaders);
    for (std::size_t i = 0; i < answers.size(); ++i) _answers[answers[i]] = found[i] ? Truth::Yes : Truth::No;
}

}  // namespace imapd
