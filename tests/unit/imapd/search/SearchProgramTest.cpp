// SearchProgram: what every key means, and that dear looks are taken only where the cheap ones leave the answer open.
#include "imapd/search/SearchProgram.h"

#include <cppunit/extensions/HelperMacros.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <map>
#include <set>

#include "maildir/message/CaseFold.h"

using std::string_literals::operator""s;

namespace imapd {

using maildir::Flag;
using maildir::Uid;

namespace {

// A message made by hand, which counts how it is looked at.
struct Message : SearchSubject {
    Uid id{7};
    maildir::FlagSet flagSet;
    std::set<std::string> keywords;
    bool recent = false;
    std::int64_t date = 0;
    std::uint64_t size = 100;
    std::map<std::string, std::vector<std::string>> header, addresses;
    std::string body, folded;
    int dateLooks = 0, headerLooks = 0, bodyLooks = 0;

    [[nodiscard]] Uid uid() const override { return id; }
    [[nodiscard]] maildir::FlagSet flags() const override { return flagSet; }
    [[nodiscard]] bool hasKeyword(std::string_view name) const override { return keywords.contains(std::string(name)); }
    [[nodiscard]] bool isRecent() const override { return recent; }
    std::int64_t internalDate() override {
        ++dateLooks;
        return date;
    }
    std::uint64_t octets() override { return size; }
    std::string_view foldedHeader(const std::string& name) override { return foldedLines(header[name]); }
    std::string_view foldedAddresses(const std::string& name) override { return foldedLines(addresses[name]); }
    std::string_view foldedLines(const std::vector<std::string>& values) {
        ++headerLooks;
        folded.clear();
        for (const std::string& value : values) {
            maildir::foldCase(value, folded);
            folded += '\n';
        }
        return folded;
    }
    std::optional<std::int64_t> sentDay() override {
        ++headerLooks;
        return header["DATE"].empty() ? std::nullopt : sentDayOf(header["DATE"].front());
    }
    std::vector<bool> textHas(const std::vector<const maildir::SearchPattern*>& patterns, bool withHeaders) override {
        ++bodyLooks;
        std::string text = body;
        if (withHeaders) {
            for (const auto& field : header) text += field.second.empty() ? "" : field.second.front();
        }
        std::vector<bool> found;
        for (const maildir::SearchPattern* pattern : patterns) found.push_back(pattern->foundIn(text));
        return found;
    }
};

SearchKey key(SearchKey::Kind kind) {
    SearchKey key;
    key.kind = kind;
    return key;
}

SearchKey text(SearchKey::Kind kind, std::string value, std::string field = {}) {
    SearchKey key;
    key.kind = kind;
    key.text = std::move(value);
    key.field = std::move(field);
    return key;
}

SearchKey number(SearchKey::Kind kind, std::uint64_t value) {
    SearchKey key;
    key.kind = kind;
    key.number = value;
    return key;
}

SearchKey day(SearchKey::Kind kind, std::int32_t value) {
    SearchKey key;
    key.kind = kind;
    key.day = value;
    return key;
}

SearchKey group(SearchKey::Kind kind, std::vector<SearchKey> children) {
    SearchKey key;
    key.kind = kind;
    key.children = std::move(children);
    return key;
}

constexpr std::int64_t now = 1000000;

std::variant<SearchProgram, Reply> compiled(const SearchKey& key) {
    return SearchProgram::compile(
        group(SearchKey::And, {key}), [](const std::string& value) { return value; },
        [](const SequenceSet& set, bool) -> std::optional<UidRanges> {
            if (set.ranges.empty()) return std::nullopt;
            return UidRanges();
        },
        now);
}

bool matches(const SearchKey& key, Message& message) {
    auto program = compiled(key);
    CPPUNIT_ASSERT(std::holds_alternative<SearchProgram>(program));
    return std::get<SearchProgram>(program).matches(message);
}

}  // namespace

class SearchProgramTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SearchProgramTest);
    CPPUNIT_TEST(asksFlags);
    CPPUNIT_TEST(asksRecent);
    CPPUNIT_TEST(asksKeywords);
    CPPUNIT_TEST(asksSizesStrictly);
    CPPUNIT_TEST(asksInternalDateInTheServersZone);
    CPPUNIT_TEST(asksAges);
    CPPUNIT_TEST(asksSentDateAsTheSenderWroteIt);
    CPPUNIT_TEST(findsNoSentDateWhereNoneIs);
    CPPUNIT_TEST(asksHeadersIgnoringCase);
    CPPUNIT_TEST(takesTheEmptyStringForPresence);
    CPPUNIT_TEST(findsTheEmptyTextEverywhere);
    CPPUNIT_TEST(tellsBodyFromText);
    CPPUNIT_TEST(combinesByNotOrAnd);
    CPPUNIT_TEST(looksAtNothingDearWhereFlagsDecide);
    CPPUNIT_TEST(readsABodyOnceForManyTexts);
    CPPUNIT_TEST(forgetsOneMessageForTheNext);
    CPPUNIT_TEST(leavesTextsForASecondStep);
    CPPUNIT_TEST(remembersWhatTheFirstStepTold);
    CPPUNIT_TEST(pausesBetweenLooksAtHeaders);
    CPPUNIT_TEST(takesAGroupOfOneForItsKey);
    CPPUNIT_TEST(refusesABadSet);
    CPPUNIT_TEST(refusesTooMuch);
    CPPUNIT_TEST_SUITE_END();

    Message _message;

public:
    void asksFlags() {
        const std::tuple<Flag, SearchKey::Kind, SearchKey::Kind> rows[] = {
            {Flag::Answered, SearchKey::Answered, SearchKey::Unanswered},
            {Flag::Deleted, SearchKey::Deleted, SearchKey::Undeleted},
            {Flag::Draft, SearchKey::Draft, SearchKey::Undraft},
            {Flag::Flagged, SearchKey::Flagged, SearchKey::Unflagged},
            {Flag::Seen, SearchKey::Seen, SearchKey::Unseen}};
        for (const auto& [flag, with, without] : rows) {
            Message flagged;
            flagged.flagSet.set(flag);
            CPPUNIT_ASSERT(matches(key(with), flagged));
            CPPUNIT_ASSERT(!matches(key(without), flagged));
            CPPUNIT_ASSERT(!matches(key(with), _message));
            CPPUNIT_ASSERT(matches(key(without), _message));
        }
        CPPUNIT_ASSERT(matches(key(SearchKey::All), _message));
    }

    void asksRecent() {
        CPPUNIT_ASSERT(matches(key(SearchKey::Old), _message));
        CPPUNIT_ASSERT(!matches(key(SearchKey::New), _message));
        _message.recent = true;
        CPPUNIT_ASSERT(matches(key(SearchKey::Recent), _message));
        CPPUNIT_ASSERT(matches(key(SearchKey::New), _message));
        _message.flagSet.set(Flag::Seen);
        CPPUNIT_ASSERT(!matches(key(SearchKey::New), _message));
    }

    void asksKeywords() {
        _message.keywords = {"$Junk"};
        CPPUNIT_ASSERT(matches(text(SearchKey::Keyword, "$Junk"), _message));
        CPPUNIT_ASSERT(!matches(text(SearchKey::Keyword, "other"), _message));
        CPPUNIT_ASSERT(matches(text(SearchKey::Unkeyword, "other"), _message));
    }

    void asksSizesStrictly() {
        CPPUNIT_ASSERT(!matches(number(SearchKey::Larger, 100), _message));
        CPPUNIT_ASSERT(matches(number(SearchKey::Larger, 99), _message));
        CPPUNIT_ASSERT(!matches(number(SearchKey::Smaller, 100), _message));
        CPPUNIT_ASSERT(matches(number(SearchKey::Smaller, 101), _message));
    }

    void asksInternalDateInTheServersZone() {
        const char* const before = getenv("TZ");
        const std::string saved = before == nullptr ? "" : before;
        setenv("TZ", "XXX-5", 1);  // five hours east
        tzset();
        _message.date = 86400 * 10 + 20 * 3600;  // 01:00 of the next day there
        const bool isNextDay = matches(day(SearchKey::On, 11), _message);
        const bool isBefore = matches(day(SearchKey::Before, 11), _message);
        const bool isSince = matches(day(SearchKey::Since, 11), _message);
        if (before == nullptr) {
            unsetenv("TZ");
        } else {
            setenv("TZ", saved.c_str(), 1);
        }
        tzset();
        CPPUNIT_ASSERT(isNextDay);
        CPPUNIT_ASSERT(!isBefore);
        CPPUNIT_ASSERT(isSince);
    }

    void asksAges() {
        _message.date = now - 10;
        CPPUNIT_ASSERT(matches(number(SearchKey::Younger, 10), _message));
        CPPUNIT_ASSERT(!matches(number(SearchKey::Younger, 9), _message));
        CPPUNIT_ASSERT(matches(number(SearchKey::Older, 10), _message));
        CPPUNIT_ASSERT(!matches(number(SearchKey::Older, 11), _message));
        CPPUNIT_ASSERT(matches(number(SearchKey::Younger, UINT64_MAX), _message));
    }

    void asksSentDateAsTheSenderWroteIt() {
        // 2 Jan 1970 for the sender, already the 3rd in UTC.
        _message.header["DATE"] = {"Fri, 2 Jan 1970 23:00:00 -0800"};
        CPPUNIT_ASSERT(matches(day(SearchKey::SentOn, 1), _message));
        CPPUNIT_ASSERT(!matches(day(SearchKey::SentOn, 2), _message));
        CPPUNIT_ASSERT(matches(day(SearchKey::SentBefore, 2), _message));
        CPPUNIT_ASSERT(!matches(day(SearchKey::SentBefore, 1), _message));
        CPPUNIT_ASSERT(matches(day(SearchKey::SentSince, 1), _message));
        _message.header["DATE"] = {"Wed, 31 Dec 1969 01:00:00 +0000"};
        CPPUNIT_ASSERT(matches(day(SearchKey::SentOn, -1), _message));
    }

    void findsNoSentDateWhereNoneIs() {
        CPPUNIT_ASSERT(!matches(day(SearchKey::SentBefore, 99999), _message));
        _message.header["DATE"] = {"soon"};
        CPPUNIT_ASSERT(!matches(day(SearchKey::SentSince, -99999), _message));
    }

    void asksHeadersIgnoringCase() {
        _message.addresses["FROM"] = {"Alice <a@b>"};
        _message.header["X-LIST"] = {"one", "TWO"};
        CPPUNIT_ASSERT(matches(text(SearchKey::From, "ALICE"), _message));
        CPPUNIT_ASSERT(!matches(text(SearchKey::Header, "alice", "from"), _message));  // not what ENVELOPE shows
        CPPUNIT_ASSERT(!matches(text(SearchKey::To, "alice"), _message));
        CPPUNIT_ASSERT(matches(text(SearchKey::Header, "two", "x-list"), _message));
        CPPUNIT_ASSERT(!matches(text(SearchKey::Header, "three", "X-List"), _message));
    }

    void takesTheEmptyStringForPresence() {
        _message.header["SUBJECT"] = {""};
        CPPUNIT_ASSERT(matches(text(SearchKey::Header, "", "Subject"), _message));
        CPPUNIT_ASSERT(!matches(text(SearchKey::Header, "", "Cc"), _message));
    }

    void findsTheEmptyTextEverywhere() {
        CPPUNIT_ASSERT(matches(text(SearchKey::Body, ""), _message));
        CPPUNIT_ASSERT(matches(text(SearchKey::Text, ""), _message));
        CPPUNIT_ASSERT_EQUAL(0, _message.bodyLooks);
    }

    void tellsBodyFromText() {
        _message.header["SUBJECT"] = {"greeting"};
        _message.body = "hello";
        CPPUNIT_ASSERT(matches(text(SearchKey::Body, "hello"), _message));
        CPPUNIT_ASSERT(!matches(text(SearchKey::Body, "greeting"), _message));
        CPPUNIT_ASSERT(matches(text(SearchKey::Text, "greeting"), _message));
    }

    void combinesByNotOrAnd() {
        _message.body = "hello";
        _message.flagSet.set(Flag::Seen);
        const SearchKey hello = text(SearchKey::Body, "hello"), other = text(SearchKey::Body, "other");
        CPPUNIT_ASSERT(!matches(group(SearchKey::Not, {hello}), _message));
        CPPUNIT_ASSERT(matches(group(SearchKey::Not, {other}), _message));
        CPPUNIT_ASSERT(matches(group(SearchKey::Or, {other, hello}), _message));
        CPPUNIT_ASSERT(!matches(group(SearchKey::Or, {other, group(SearchKey::Not, {hello})}), _message));
        CPPUNIT_ASSERT(matches(group(SearchKey::And, {key(SearchKey::Seen), hello}), _message));
        CPPUNIT_ASSERT(!matches(group(SearchKey::And, {hello, other}), _message));
        CPPUNIT_ASSERT(matches(group(SearchKey::And, {}), _message));
        // Open beside decided, at every level.
        CPPUNIT_ASSERT(
            matches(group(SearchKey::Or,
                          {group(SearchKey::And, {key(SearchKey::Unseen), hello}),
                           group(SearchKey::Not, {group(SearchKey::And, {number(SearchKey::Larger, 1), other})})}),
                    _message));
    }

    void looksAtNothingDearWhereFlagsDecide() {
        CPPUNIT_ASSERT(!matches(group(SearchKey::And, {text(SearchKey::Body, "x"), text(SearchKey::From, "x"),
                                                       day(SearchKey::On, 0), key(SearchKey::Seen)}),
                                _message));
        CPPUNIT_ASSERT_EQUAL(0, _message.bodyLooks + _message.headerLooks + _message.dateLooks);
        CPPUNIT_ASSERT(matches(group(SearchKey::Or, {text(SearchKey::Body, "x"), key(SearchKey::Unseen)}), _message));
        CPPUNIT_ASSERT_EQUAL(0, _message.bodyLooks);
        CPPUNIT_ASSERT(
            !matches(group(SearchKey::And, {text(SearchKey::Body, "x"), text(SearchKey::From, "x")}), _message));
        CPPUNIT_ASSERT_EQUAL(1, _message.headerLooks);
        CPPUNIT_ASSERT_EQUAL(0, _message.bodyLooks);
    }

    void readsABodyOnceForManyTexts() {
        _message.body = "one two";
        CPPUNIT_ASSERT(matches(
            group(SearchKey::And, {text(SearchKey::Body, "one"), group(SearchKey::Or, {text(SearchKey::Body, "three"),
                                                                                       text(SearchKey::Body, "two")})}),
            _message));
        CPPUNIT_ASSERT_EQUAL(1, _message.bodyLooks);
    }

    void forgetsOneMessageForTheNext() {
        auto program = compiled(text(SearchKey::Body, "hello"));
        Message other;
        other.body = "hello";
        CPPUNIT_ASSERT(!std::get<SearchProgram>(program).matches(_message));
        CPPUNIT_ASSERT(std::get<SearchProgram>(program).matches(other));
        CPPUNIT_ASSERT(!std::get<SearchProgram>(program).matches(_message));
    }

    void leavesTextsForASecondStep() {
        auto compilation = compiled(group(SearchKey::Or, {text(SearchKey::From, "ann"), text(SearchKey::Body, "hello"),
                                                          text(SearchKey::Text, "other")}));
        auto& program = std::get<SearchProgram>(compilation);
        CPPUNIT_ASSERT(program.readsTexts());
        SearchProgram::Answers answers;
        _message.addresses["FROM"] = {"Ann"};
        CPPUNIT_ASSERT(program.matchesUnread(_message, answers) == std::optional(true));
        Message other;
        other.body = "hello";
        CPPUNIT_ASSERT(!program.matchesUnread(other, answers));
        CPPUNIT_ASSERT_EQUAL(0, other.bodyLooks);
        CPPUNIT_ASSERT(program.matchesUnread(_message, answers) == std::optional(true));  // another one in between
        SearchProgram::Answers neither;
        Message third;
        CPPUNIT_ASSERT(!program.matchesUnread(third, neither));
        CPPUNIT_ASSERT(!program.matchesRead(third, neither));
        CPPUNIT_ASSERT_EQUAL(2, third.bodyLooks);
        CPPUNIT_ASSERT(program.matchesRead(other, answers));
        CPPUNIT_ASSERT_EQUAL(1, other.bodyLooks);

        const auto unread = compiled(group(SearchKey::And, {text(SearchKey::From, "ann"), key(SearchKey::Seen)}));
        CPPUNIT_ASSERT(!std::get<SearchProgram>(unread).readsTexts());
    }

    void pausesBetweenLooksAtHeaders() {
        auto compilation = compiled(group(SearchKey::And, {text(SearchKey::From, "ann"), text(SearchKey::Subject, "s"),
                                                           group(SearchKey::Not, {text(SearchKey::Cc, "x")})}));
        auto& program = std::get<SearchProgram>(compilation);
        _message.addresses["FROM"] = {"Ann"};
        _message.header["SUBJECT"] = {"s"};
        SearchProgram::Answers answers;
        const std::function<bool()> atOnce = [] { return true; };
        for (const int looks : {1, 2}) {
            CPPUNIT_ASSERT(!program.matchesUnread(_message, answers, atOnce) && program.isPaused());
            CPPUNIT_ASSERT_EQUAL(looks, _message.headerLooks);
        }
        CPPUNIT_ASSERT(program.matchesUnread(_message, answers, atOnce) == std::optional(true));
        CPPUNIT_ASSERT(!program.isPaused());
        CPPUNIT_ASSERT_EQUAL(3, _message.headerLooks);
        Message other;  // decided by its first look
        CPPUNIT_ASSERT(program.matchesUnread(other, answers, atOnce) == std::optional(false));
        CPPUNIT_ASSERT(!program.isPaused());
    }

    void remembersWhatTheFirstStepTold() {
        auto compilation = compiled(group(
            SearchKey::And, {text(SearchKey::From, "ann"), day(SearchKey::Since, 1), text(SearchKey::Body, "hello")}));
        auto& program = std::get<SearchProgram>(compilation);
        _message.addresses["FROM"] = {"Ann"};
        _message.date = 5 * 86400;
        _message.body = "hello";
        SearchProgram::Answers answers;
        CPPUNIT_ASSERT(!program.matchesUnread(_message, answers));
        const int looks = _message.headerLooks + _message.dateLooks;
        CPPUNIT_ASSERT(looks > 0);
        _message.header.clear();
        CPPUNIT_ASSERT(program.matchesRead(_message, answers));
        CPPUNIT_ASSERT_EQUAL(looks, _message.headerLooks + _message.dateLooks);
    }

    void takesAGroupOfOneForItsKey() {
        const SearchKey seen = key(SearchKey::Seen);
        SearchKey nested = group(SearchKey::And, {group(SearchKey::Or, {group(SearchKey::And, {seen})})});
        CPPUNIT_ASSERT(!matches(nested, _message));
        CPPUNIT_ASSERT(matches(group(SearchKey::Not, {nested}), _message));
        CPPUNIT_ASSERT(
            matches(group(SearchKey::Not, {group(SearchKey::Not, {group(SearchKey::Not, {seen})})}), _message));
        CPPUNIT_ASSERT(matches(group(SearchKey::And, {}), _message));  // as ALL
        _message.flagSet.set(Flag::Seen);
        CPPUNIT_ASSERT(matches(nested, _message));
    }

    void refusesABadSet() {
        const auto program = compiled(key(SearchKey::SequenceNumbers));
        CPPUNIT_ASSERT(std::get<Reply>(program).status == Reply::Bad);
    }

    void refusesTooMuch() {
        const auto many = [](std::size_t count, const SearchKey& child) {
            return group(SearchKey::And, std::vector<SearchKey>(count, child));
        };
        const auto codeOf = [](const SearchKey& key) { return std::get<Reply>(compiled(key)).code; };
        SearchKey set = key(SearchKey::Uids);
        set.set.ranges.push_back({1, 0});
        CPPUNIT_ASSERT_EQUAL("LIMIT"s, codeOf(many(10001, key(SearchKey::Seen))));
        CPPUNIT_ASSERT_EQUAL("LIMIT"s, codeOf(many(101, text(SearchKey::Body, "x"))));
        CPPUNIT_ASSERT_EQUAL("LIMIT"s, codeOf(many(1001, set)));
        CPPUNIT_ASSERT(std::holds_alternative<SearchProgram>(compiled(many(1000, set))));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SearchProgramTest);

}  // namespace imapd
