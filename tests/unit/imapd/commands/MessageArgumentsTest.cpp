// What the message commands make of their arguments: flags of STORE and APPEND, items of FETCH, sets of UIDs.
#include <cppunit/extensions/HelperMacros.h>

#include "imapd/commands/CopyUid.h"
#include "imapd/commands/FlagNames.h"
#include "imapd/fetch/FetchPlan.h"
#include "imapd/search/UidRanges.h"

using std::string_literals::operator""s;

namespace imapd {

using maildir::Flag;
using maildir::Uid;

class MessageArgumentsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MessageArgumentsTest);
    CPPUNIT_TEST(readsSystemFlagsInAnyCase);
    CPPUNIT_TEST(readsKeywordsOnce);
    CPPUNIT_TEST(refusesRecentAndUnknownSystemFlags);
    CPPUNIT_TEST(refusesLongAndManyKeywords);
    CPPUNIT_TEST(plansSections);
    CPPUNIT_TEST(peeksWithoutSettingSeen);
    CPPUNIT_TEST(plansDecodedSections);
    CPPUNIT_TEST(keepsFieldsUnderOneKeyWhateverTheirOrder);
    CPPUNIT_TEST(answersUidFetchWithUids);
    CPPUNIT_TEST(holdsNeighboursInOneRange);
    CPPUNIT_TEST(writesCopyUid);
    CPPUNIT_TEST_SUITE_END();

    static FetchItem item(FetchItem::Kind kind, bool isPeek = false) {
        FetchItem made;
        made.kind = kind;
        made.isPeek = isPeek;
        return made;
    }

    static FetchPlan plan(std::vector<FetchItem> items, bool isUid = false) {
        Fetch fetch;
        fetch.isUid = isUid;
        fetch.items = std::move(items);
        return FetchPlan::of(fetch, WireFeatures());
    }

public:
    void readsSystemFlagsInAnyCase() {
        const auto read = readFlags({"\\SEEN", "\\deleted", "\\Seen"});
        const NamedFlags& named = std::get<NamedFlags>(read);
        CPPUNIT_ASSERT(named.flags == (maildir::FlagSet(Flag::Seen) | Flag::Deleted));
        CPPUNIT_ASSERT(named.keywords.empty());
    }

    void readsKeywordsOnce() {
        const auto read = readFlags({"$Junk", "$JUNK", "other"});
        CPPUNIT_ASSERT((std::get<NamedFlags>(read).keywords == std::vector<std::string>{"$Junk", "other"}));
    }

    void plansDecodedSections() {
        FetchItem partial = item(FetchItem::Binary, true);
        partial.section.part = {1, 2};
        partial.isPartial = true;
        partial.partialFirst = 5;
        partial.partialCount = 7;
        const FetchPlan made = plan({partial, item(FetchItem::BinarySize, true)});
        CPPUNIT_ASSERT_EQUAL("BINARY[1.2]<5>"s, made.parts.at(0).name);
        CPPUNIT_ASSERT(made.parts.at(0).form == FetchPlan::Part::Decoded);
        CPPUNIT_ASSERT_EQUAL("BINARY.SIZE[]"s, made.parts.at(1).name);
        CPPUNIT_ASSERT(made.parts.at(1).form == FetchPlan::Part::DecodedSize);
        CPPUNIT_ASSERT(!made.setsSeen);
        CPPUNIT_ASSERT(plan({item(FetchItem::Binary)}).setsSeen);
    }

    void refusesRecentAndUnknownSystemFlags() {
        for (const auto name : {"\\Recent", "\\RECENT", "\\Foo", "\\*", "\\"}) {
            CPPUNIT_ASSERT(std::get<Reply>(readFlags({name})).status == Reply::Bad);
        }
    }

    void refusesLongAndManyKeywords() {
        CPPUNIT_ASSERT_EQUAL("LIMIT"s, std::get<Reply>(readFlags({std::string(256, 'k')})).code);
        CPPUNIT_ASSERT(std::holds_alternative<NamedFlags>(readFlags({std::string(255, 'k')})));
        std::vector<std::string> many;
        for (std::size_t i = 0; i <= maildir::maxKeywords; ++i) many.push_back("k" + std::to_string(i));
        CPPUNIT_ASSERT_EQUAL("LIMIT"s, std::get<Reply>(readFlags(many)).code);
    }

    void plansSections() {
        FetchItem partial = item(FetchItem::BodySection);
        partial.section.part = {2};
        partial.isPartial = true;
        partial.partialFirst = 100;
        partial.partialCount = 50;
        const FetchPlan made = plan({item(FetchItem::Flags), partial, item(FetchItem::Rfc822Text)});
        CPPUNIT_ASSERT(made.flags && made.setsSeen && !made.uid);
        CPPUNIT_ASSERT_EQUAL("BODY[2]<100>"s, made.parts.at(0).name);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{50}, made.parts.at(0).count);
        CPPUNIT_ASSERT_EQUAL("RFC822.TEXT"s, made.parts.at(1).name);
        CPPUNIT_ASSERT(made.parts.at(1).section.kind == Section::Text);
    }

    void peeksWithoutSettingSeen() {
        CPPUNIT_ASSERT(!plan({item(FetchItem::BodySection, true), item(FetchItem::Rfc822Header),
                              item(FetchItem::Rfc822Peek), item(FetchItem::Envelope)})
                            .setsSeen);
        CPPUNIT_ASSERT(plan({item(FetchItem::BodySection)}).setsSeen);
        CPPUNIT_ASSERT(plan({item(FetchItem::Rfc822)}).setsSeen);
    }

    void keepsFieldsUnderOneKeyWhateverTheirOrder() {
        const auto keyOf = [](std::vector<std::string> fields, Section::Kind kind, std::vector<std::uint32_t> part) {
            FetchItem made = item(FetchItem::BodySection);
            made.section.kind = kind;
            made.section.fields = std::move(fields);
            made.section.part = std::move(part);
            return plan({made}).parts.at(0).derivedKey;
        };
        const std::string key = keyOf({"From", "to"}, Section::HeaderFields, {});
        CPPUNIT_ASSERT(!key.empty());
        CPPUNIT_ASSERT_EQUAL(key, keyOf({"TO", "from", "To"}, Section::HeaderFields, {}));
        CPPUNIT_ASSERT(key != keyOf({"From", "to"}, Section::HeaderFieldsNot, {}));
        CPPUNIT_ASSERT(key != keyOf({"From"}, Section::HeaderFields, {}));
        CPPUNIT_ASSERT_EQUAL(""s, keyOf({"From", "to"}, Section::HeaderFields, {1}));
        CPPUNIT_ASSERT_EQUAL(""s, keyOf({std::string(600, 'x')}, Section::HeaderFields, {}));
    }

    void answersUidFetchWithUids() { CPPUNIT_ASSERT(plan({item(FetchItem::Flags)}, true).uid); }

    void holdsNeighboursInOneRange() {
        maildir::SnapshotBuilder builder;
        for (const std::uint32_t uid : {2u, 5u, 9u, 10u, 4294967295u}) {
            maildir::Record record;
            record.uid = Uid{uid};
            builder.add(record, "name");
        }
        const auto snapshot = builder.finish();
        const std::vector<std::pair<std::size_t, std::size_t>> indexes{{0, 2}, {3, 5}};
        const UidRanges ranges(indexes, *snapshot);
        for (const std::uint32_t uid : {2u, 5u, 10u, 4294967295u}) CPPUNIT_ASSERT(ranges.contains(Uid{uid}));
        CPPUNIT_ASSERT(!ranges.contains(Uid{9}));
        CPPUNIT_ASSERT(!UidRanges().contains(Uid{9}));
    }

    void writesCopyUid() {
        maildir::CopyResult result;
        result.targetUidValidity = {38505};
        CPPUNIT_ASSERT_EQUAL(""s, copyUidCode(result));
        result.source = {{304}, {319}, {320}};
        result.target = {{3956}, {3957}, {3958}};
        CPPUNIT_ASSERT_EQUAL("COPYUID 38505 304,319:320 3956:3958"s, copyUidCode(result));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MessageArgumentsTest);

}  // namespace imapd
