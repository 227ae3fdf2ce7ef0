// Sequence sets, FETCH, STORE, COPY, MOVE, UID EXPUNGE.
#include <cppunit/extensions/HelperMacros.h>

#include <chrono>

#include "tests/unit/imapd/parser/ParserFixture.h"

namespace imapd {

class ParseMessagesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ParseMessagesTest);
    CPPUNIT_TEST(readsSequenceSets);
    CPPUNIT_TEST(refusesWrongSequenceSets);
    CPPUNIT_TEST(readsLongSetsInLinearTime);
    CPPUNIT_TEST(readsCopyAndMove);
    CPPUNIT_TEST(readsUidExpunge);
    CPPUNIT_TEST(readsStore);
    CPPUNIT_TEST(refusesWrongStore);
    CPPUNIT_TEST(readsEachFetchItem);
    CPPUNIT_TEST(expandsMacros);
    CPPUNIT_TEST(readsSeveralFetchItems);
    CPPUNIT_TEST(readsSections);
    CPPUNIT_TEST(readsPartials);
    CPPUNIT_TEST(takesItemsBeyondTheGrammar);
    CPPUNIT_TEST(readsBinary);
    CPPUNIT_TEST(knowsWhatLeavesSeenAlone);
    CPPUNIT_TEST(refusesWrongFetch);
    CPPUNIT_TEST_SUITE_END();

public:
    void readsSequenceSets() {
        for (const char* set :
             {"1", "*", "$", "1:5", "5:1", "*:4", "4:*", "1,3,2", "2,4:7,9,12:*", "4294967295", "5:2,*,1"}) {
            CPPUNIT_ASSERT_EQUAL(std::string(set), shown(accept<Copy>("COPY " + std::string(set) + " x").set));
        }
        CPPUNIT_ASSERT(accept<Copy>("COPY $ x").set.isSavedResult);
        CPPUNIT_ASSERT_EQUAL(std::string("1"), shown(accept<Copy>("COPY 0001 x").set));
    }

    void refusesWrongSequenceSets() {
        refuseAll({{"COPY x y", "Expected a sequence set", 5},
                   {"COPY 0 y", "Expected a message number or \"*\", not 0", 5},
                   {"COPY 1:0 y", "Expected a message number or \"*\", not 0", 7},
                   {"COPY 1,, y", "Expected a message number or \"*\"", 7},
                   {"COPY 1, y", "Expected a message number or \"*\"", 7},
                   {"COPY ,1 y", "Expected a sequence set", 5},
                   {"COPY 1: y", "Expected a message number or \"*\"", 7},
                   {"COPY 1:2:3 y", "Expected SP", 8},
                   {"COPY 1;2 y", "Expected SP", 6},
                   {"COPY -1 y", "Expected a sequence set", 5},
                   {"COPY 4294967296 y", "Number too large", 5},
                   {"COPY 99999999999999999999999999 y", "Number too large", 5},
                   {"COPY $,1 y", "Expected SP", 6},
                   {"COPY 1,$ y", "Expected a message number or \"*\"", 7}});
    }

    void readsLongSetsInLinearTime() {
        std::string wire = "UID FETCH 1";
        std::size_t count = 1;
        for (; wire.size() < 2'000'000; ++count) wire += "," + std::to_string((count * 7919) % 4'000'000'000 + 1);
        const auto begin = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT_EQUAL(count, accept<Fetch>(wire + " FLAGS").set.ranges.size());
        // Quadratic work on 2 MB would take minutes.
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
    }

    void readsCopyAndMove() {
        const auto copy = accept<Copy>("uid copy 7,9 \"F\"");
        CPPUNIT_ASSERT(copy.isUid);
        CPPUNIT_ASSERT_EQUAL(std::string("F"), copy.mailbox);
        CPPUNIT_ASSERT(!accept<Copy>("COPY 1 x").isUid);
        CPPUNIT_ASSERT(accept<Move>("UID MOVE 8:10 F").isUid);
        CPPUNIT_ASSERT(!accept<Move>("MOVE 8:10 F").isUid);
        refuseAll({{"COPY 1", "Expected SP", 6},
                   {"MOVE", "Expected SP", 4},
                   {"MOVE 1 a b", "Expected the end of the command", 8}});
    }

    void readsUidExpunge() {
        CPPUNIT_ASSERT_EQUAL(std::string("1:3"), shown(*accept<Expunge>("UID EXPUNGE 1:3").uids));
        refuseAll({{"UID EXPUNGE", "Expected SP", 11}, {"EXPUNGE 1", "Expected the end of the command", 7}});
    }

    void readsStore() {
        const auto add = accept<Store>("uid store 12:13 +Flags (\\Seen \\Deleted)");
        CPPUNIT_ASSERT(add.isUid && add.mode == Store::Add && !add.isSilent);
        CPPUNIT_ASSERT_EQUAL(std::string("\\Seen|\\Deleted"), joined(add.flags));
        const auto silent = accept<Store>("store 1:* -FLAGS.SILENT ($label1)");
        CPPUNIT_ASSERT(!silent.isUid && silent.mode == Store::Remove && silent.isSilent);
        const auto bare = accept<Store>("STORE 1 FLAGS \\Answered $Forwarded NonJunk");
        CPPUNIT_ASSERT(bare.mode == Store::Replace);
        CPPUNIT_ASSERT_EQUAL(std::string("\\Answered|$Forwarded|NonJunk"), joined(bare.flags));
        CPPUNIT_ASSERT(accept<Store>("STORE 1 FLAGS ()").flags.empty());
    }

    void refusesWrongStore() {
        constexpr const char* flags = "Expected FLAGS, +FLAGS or -FLAGS, or these with .SILENT";
        refuseAll({{"STORE 1", "Expected SP", 7},
                   {"STORE 1 FLAGS", "Expected SP", 13},
                   {"STORE 1 FLAGS ", "Expected a flag", 14},
                   {"STORE 1 *FLAGS (x)", flags, 8},
                   {"STORE 1 ++FLAGS (x)", flags, 8},
                   {"STORE 1 FLAGS.QUIET (x)", flags, 8},
                   {"STORE 1 (UNCHANGEDSINCE 5) FLAGS (x)", flags, 8},
                   {"STORE 1 FLAGS (\\)", "Expected a flag", 16},
                   {"STORE 1 FLAGS (\\*)", "Expected a flag", 16},
                   {"STORE 1 FLAGS (x", "Expected SP or \")\"", 16},
                   {"STORE 1 FLAGS (\"x\")", "Expected a flag", 15},
                   {"STORE 1 FLAGS (x) y", "Expected the end of the command", 17}});
    }

    void readsEachFetchItem() {
        const std::vector<std::pair<const char*, FetchItem::Kind>> table = {
            {"ENVELOPE", FetchItem::Envelope},
            {"flags", FetchItem::Flags},
            {"INTERNALDATE", FetchItem::InternalDate},
            {"RFC822", FetchItem::Rfc822},
            {"RFC822.HEADER", FetchItem::Rfc822Header},
            {"RFC822.SIZE", FetchItem::Rfc822Size},
            {"RFC822.TEXT", FetchItem::Rfc822Text},
            {"RFC822.PEEK", FetchItem::Rfc822Peek},
            {"BODY", FetchItem::Body},
            {"BODYSTRUCTURE", FetchItem::BodyStructure},
            {"Uid", FetchItem::Uid},
            {"BODY[]", FetchItem::BodySection},
            {"BINARY[]", FetchItem::Binary},
            {"BINARY.SIZE[1]", FetchItem::BinarySize},
        };
        for (const auto& [name, kind] : table) {
            for (const std::string& wire :
                 std::vector<std::string>{"FETCH 1 " + std::string(name), "FETCH 1 (" + std::string(name) + ")"}) {
                const auto fetch = accept<Fetch>(wire);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(wire, std::size_t(1), fetch.items.size());
                CPPUNIT_ASSERT_MESSAGE(wire, fetch.items[0].kind == kind);
            }
        }
    }

    void expandsMacros() {
        const auto kinds = [](const std::string& wire) {
            std::vector<FetchItem::Kind> found;
            for (const FetchItem& item : accept<Fetch>(wire).items) found.push_back(item.kind);
            return found;
        };
        using Kinds = std::vector<FetchItem::Kind>;
        using enum FetchItem::Kind;
        CPPUNIT_ASSERT(kinds("FETCH 1 fast") == (Kinds{Flags, InternalDate, Rfc822Size}));
        CPPUNIT_ASSERT(kinds("FETCH 1 ALL") == (Kinds{Flags, InternalDate, Rfc822Size, Envelope}));
        CPPUNIT_ASSERT(kinds("FETCH 1 FULL") == (Kinds{Flags, InternalDate, Rfc822Size, Envelope, Body}));
        refuseAll(
            {{"FETCH 1 (ALL)", "Unknown FETCH item ALL", 9}, {"FETCH 1 (UID FAST)", "Unknown FETCH item FAST", 13}});
    }

    void readsSeveralFetchItems() {
        const auto fetch = accept<Fetch>(
            "UID fetch 1:30 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID "
            "Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To Received)])");
        CPPUNIT_ASSERT(fetch.isUid);
        CPPUNIT_ASSERT_EQUAL(std::size_t(4), fetch.items.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(15), fetch.items[3].section.fields.size());
        CPPUNIT_ASSERT(fetch.items[3].isPeek && !fetch.items[3].isPartial);
    }

    void readsSections() {
        checkSection("[]", "", Section::Whole);
        checkSection("[1]", "1", Section::Whole);
        checkSection("[1.2.33]", "1.2.33", Section::Whole);
        checkSection("[header]", "", Section::Header);
        checkSection("[TEXT]", "", Section::Text);
        checkSection("[3.HEADER]", "3", Section::Header);
        checkSection("[3.1.TEXT]", "3.1", Section::Text);
        checkSection("[3.1.MIME]", "3.1", Section::Mime);
        checkSection("[HEADER.FIELDS (To \"X-\\\"y\" {3+}\r\nCc])]", "", Section::HeaderFields, "To|X-\"y|Cc]");
        checkSection("[2.HEADER.FIELDS.NOT (To)]", "2", Section::HeaderFieldsNot, "To");
    }

    void readsPartials() {
        const auto item = accept<Fetch>("UID fetch 19 (UID RFC822.SIZE BODY.PEEK[]<65536.65537>)").items.at(2);
        CPPUNIT_ASSERT(item.isPartial);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(65536), item.partialFirst);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(65537), item.partialCount);
        const auto big = accept<Fetch>("FETCH 1 BODY[2]<4294967295.4294967295>").items.at(0);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(4294967295u), big.partialCount);
        refuseAll({{"FETCH 1 BODY[2]<4294967296.1>", "Number too large", 16},
                   {"FETCH 1 BODY[2]<0.4294967296>", "Number too large", 18},
                   {"FETCH 1 BINARY[2]<0.4294967296>", "Number too large", 20}});
        refuse("FETCH 1 BODY[2]<0.4294967296>", liberal());
        ParserOptions rev2;
        rev2.rev2Enabled = true;
        const auto biggest = accept<Fetch>("FETCH 1 BODY[2]<0.9223372036854775807>", rev2).items.at(0);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t(9223372036854775807u), biggest.partialCount);
    }

    void takesItemsBeyondTheGrammar() {
        CPPUNIT_ASSERT_EQUAL(std::size_t(3), accept<Fetch>("FETCH 1 FLAGS UID  BODY[TEXT] ", liberal()).items.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t(5), accept<Fetch>("FETCH 1 (UID ALL)", liberal()).items.size());
        accept<Fetch>("FETCH 1 BODY[ TEXT ]", liberal());
        CPPUNIT_ASSERT_EQUAL(std::string("\\Seen|x"),
                             joined(accept<Store>("STORE 1 FLAGS (\"\\Seen\" \"x\")", liberal()).flags));
        refuseAll({{"FETCH 1 FLAGS UID", "Expected the end of the command", 13},
                   {"FETCH 1 (UID ALL)", "Unknown FETCH item ALL", 13},
                   {"FETCH 1 BODY[ TEXT]", "Expected a section", 13},
                   {"STORE 1 FLAGS (\"x\")", "Expected a flag", 15}});
        refuseAll({{"FETCH 1 ()", "Expected a FETCH item", 9},
                   {"FETCH 1 BODY[HEADER.FIELDS ()]", "Expected a header field name", 28},
                   {"FETCH 1 (FLAGS UID", "Expected SP or \")\"", 18},
                   {"STORE 1 FLAGS (\\Seen\\Deleted)", "Expected SP or \")\"", 20},
                   {"STORE 1 FLAGS (\"a b\")", "Expected a flag", 15}},
                  liberal());
    }

    void readsBinary() {
        const auto item = accept<Fetch>("FETCH 1 BINARY.PEEK[1.2]<3.4>").items.at(0);
        CPPUNIT_ASSERT(item.kind == FetchItem::Binary && item.isPeek && item.isPartial);
        CPPUNIT_ASSERT_EQUAL(std::size_t(2), item.section.part.size());
        CPPUNIT_ASSERT(!accept<Fetch>("FETCH 1 BINARY[1]").items.at(0).isPeek);
    }

    void knowsWhatLeavesSeenAlone() {
        for (const char* peek : {"BODY.PEEK[]", "RFC822.PEEK", "RFC822.HEADER", "BINARY.PEEK[]", "BINARY.SIZE[]"}) {
            CPPUNIT_ASSERT_MESSAGE(peek, accept<Fetch>("FETCH 1 " + std::string(peek)).items.at(0).isPeek);
        }
        for (const char* sets : {"BODY[]", "BODY[HEADER]", "RFC822", "RFC822.TEXT", "BINARY[1]"}) {
            CPPUNIT_ASSERT_MESSAGE(sets, !accept<Fetch>("FETCH 1 " + std::string(sets)).items.at(0).isPeek);
        }
    }

    void refusesWrongFetch() {
        constexpr const char* text = "Expected HEADER, HEADER.FIELDS, TEXT or MIME";
        refuseAll({{"FETCH 1", "Expected SP", 7},
                   {"FETCH 1 ", "Expected a FETCH item", 8},
                   {"FETCH 1 ()", "Expected a FETCH item", 9},
                   {"FETCH 1 FOO", "Unknown FETCH item FOO", 8},
                   {"FETCH 1 BODY.PEEK", "Expected \"[\"", 17},
                   {"FETCH 1 BINARY", "Expected \"[\"", 14},
                   {"FETCH 1 BODY [TEXT]", "Expected the end of the command", 12},
                   {"FETCH 1 BODY[TEXT", "Expected \"]\"", 17},
                   {"FETCH 1 BODY[FOO]", "Expected a section", 13},
                   {"FETCH 1 BODY[MIME]", "Expected a section", 13},
                   {"FETCH 1 BODY[0]", "Expected a part number, not 0", 13},
                   {"FETCH 1 BODY[1.0]", "Expected a part number, not 0", 15},
                   {"FETCH 1 BODY[1.]", text, 15},
                   {"FETCH 1 BODY[1..2]", text, 15},
                   {"FETCH 1 BODY[1.FOO]", text, 15},
                   {"FETCH 1 BODY[4294967296]", "Number too large", 13},
                   {"FETCH 1 BODY[HEADERS]", "Expected a section", 13},
                   {"FETCH 1 BODY[HEADER.FIELDS]", "Expected SP", 26},
                   {"FETCH 1 BODY[HEADER.FIELDS(To)]", "Expected SP", 26},
                   {"FETCH 1 BODY[HEADER.FIELDS ()]", "Expected a header field name", 28},
                   {"FETCH 1 BINARY[TEXT]", "Expected a part number", 15},
                   {"FETCH 1 BINARY[1.MIME]", "Expected a part number", 17},
                   {"FETCH 1 BINARY.SIZE[1]<0.1>", "Expected the end of the command", 22},
                   {"FETCH 1 BODY[]<1>", "Expected \".\"", 16},
                   {"FETCH 1 BODY[]<.1>", "Expected a number", 15},
                   {"FETCH 1 BODY[]<0.0>", "Expected a number of octets, not 0", 17},
                   {"FETCH 1 BODY[]<0.1", "Expected \">\"", 18},
                   {"FETCH 1 BODY[]<9223372036854775808.1>", "Number too large", 15},
                   {"FETCH 1 RFC822<0.1>", "Expected the end of the command", 14},
                   {"FETCH 1 FLAGS UID", "Expected the end of the command", 13},
                   {"FETCH 1 (FLAGS,UID)", "Unknown FETCH item FLAGS,UID", 9}});
    }

private:
    static void checkSection(const std::string& wire, const std::string& part, Section::Kind kind,
                             const std::string& fields = "") {
        const auto item = accept<Fetch>("FETCH 1 BODY" + wire).items.at(0);
        CPPUNIT_ASSERT(item.kind == FetchItem::BodySection);
        std::string found;
        for (const std::uint32_t number : item.section.part)
            found += (found.empty() ? "" : ".") + std::to_string(number);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(wire, part, found);
        CPPUNIT_ASSERT_MESSAGE(wire, item.section.kind == kind);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(wire, fields, joined(item.section.fields));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ParseMessagesTest);

}  // namespace imapd
