// Sections of FETCH: which octets of a message BODY[...] names. The numbering is that of RFC 3501 6.4.5.
#include "imapd/fetch/Sections.h"

#include <cppunit/extensions/HelperMacros.h>

#include "maildir/message/MessageFile.h"

using std::string_literals::operator""s;

namespace imapd {

class SectionsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SectionsTest);
    CPPUNIT_TEST(givesTheWholeMessage);
    CPPUNIT_TEST(splitsHeaderFromText);
    CPPUNIT_TEST(countsAMessageWithoutPartsAsItsPart1);
    CPPUNIT_TEST(findsPartsOfAMultipart);
    CPPUNIT_TEST(findsPartsOfAnEnclosedMessage);
    CPPUNIT_TEST(findsPartsOfAnEnclosedMultipart);
    CPPUNIT_TEST(findsAnEnclosedMessageThatIsTheMessage);
    CPPUNIT_TEST(knowsWhatIsNotThere);
    CPPUNIT_TEST(choosesFieldsInTheirOrder);
    CPPUNIT_TEST(keepsFoldsOfChosenFields);
    CPPUNIT_TEST(choosesAllButTheNamedFields);
    CPPUNIT_TEST(endsChosenFieldsWithTheEmptyLineThatIsThere);
    CPPUNIT_TEST(namesSectionsByTheGrammar);
    CPPUNIT_TEST_SUITE_END();

    static constexpr const char* simple = "Subject: x\n\nbody\n";
    static constexpr const char* nested =
        "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nfirst\n--o\n"
        "Content-Type: message/rfc822\n\nSubject: inner\n\ninner body\n--o\nContent-Type: message/rfc822\n\n"
        "Subject: many\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nplain\n--i\n"
        "Content-Type: text/html\n\n<p>\n--i--\n--o--\n";

    static std::string get(const std::string& message, std::vector<std::uint32_t> part, Section::Kind kind) {
        Section section;
        section.part = std::move(part);
        section.kind = kind;
        const maildir::Structure structure = maildir::parseStructure(message);
        const std::optional<maildir::Extent> extent = resolveSection(structure, section);
        if (!extent) return "(none)";
        const std::string wire = maildir::toWire(message.substr(static_cast<std::size_t>(extent->storedOffset),
                                                                static_cast<std::size_t>(extent->storedOctets)));
        CPPUNIT_ASSERT_EQUAL(extent->wireOctets, std::uint64_t{wire.size()});
        return wire;
    }

public:
    void givesTheWholeMessage() {
        CPPUNIT_ASSERT_EQUAL("Subject: x\r\n\r\nbody\r\n"s, get(simple, {}, Section::Whole));
    }

    void splitsHeaderFromText() {
        CPPUNIT_ASSERT_EQUAL("Subject: x\r\n\r\n"s, get(simple, {}, Section::Header));
        CPPUNIT_ASSERT_EQUAL("body\r\n"s, get(simple, {}, Section::Text));
    }

    void countsAMessageWithoutPartsAsItsPart1() {
        CPPUNIT_ASSERT_EQUAL("body\r\n"s, get(simple, {1}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("Subject: x\r\n\r\n"s, get(simple, {1}, Section::Mime));
    }

    void findsPartsOfAMultipart() {
        CPPUNIT_ASSERT_EQUAL("first"s, get(nested, {1}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("Content-Type: text/plain\r\n\r\n"s, get(nested, {1}, Section::Mime));
    }

    void findsPartsOfAnEnclosedMessage() {
        CPPUNIT_ASSERT_EQUAL("Subject: inner\r\n\r\ninner body"s, get(nested, {2}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("Content-Type: message/rfc822\r\n\r\n"s, get(nested, {2}, Section::Mime));
        CPPUNIT_ASSERT_EQUAL("Subject: inner\r\n\r\n"s, get(nested, {2}, Section::Header));
        CPPUNIT_ASSERT_EQUAL("inner body"s, get(nested, {2}, Section::Text));
        CPPUNIT_ASSERT_EQUAL("inner body"s, get(nested, {2, 1}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("Subject: inner\r\n\r\n"s, get(nested, {2, 1}, Section::Mime));
    }

    void findsPartsOfAnEnclosedMultipart() {
        CPPUNIT_ASSERT_EQUAL("plain"s, get(nested, {3, 1}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("<p>"s, get(nested, {3, 2}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(nested, {3, 3}, Section::Whole));
    }

    void findsAnEnclosedMessageThatIsTheMessage() {
        const std::string message = "Content-Type: message/rfc822\n\nSubject: in\n\nbody\n";
        CPPUNIT_ASSERT_EQUAL("Subject: in\r\n\r\nbody\r\n"s, get(message, {1}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("Subject: in\r\n\r\n"s, get(message, {1}, Section::Header));
        CPPUNIT_ASSERT_EQUAL("body\r\n"s, get(message, {1, 1}, Section::Whole));
    }

    void knowsWhatIsNotThere() {
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(simple, {2}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(simple, {0}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(simple, {1, 1}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(simple, {1}, Section::Header));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(simple, {1}, Section::Text));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(nested, {4}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(nested, {1, 1}, Section::Mime));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(nested, {2, 2}, Section::Whole));
        CPPUNIT_ASSERT_EQUAL("(none)"s, get(nested, {2, 1}, Section::Header));
    }

    void choosesFieldsInTheirOrder() {
        CPPUNIT_ASSERT_EQUAL("To: c\r\nFrom: a\r\nto: d\r\n\r\n"s,
                             chosenFields("To: c\nSubject: x\nFrom: a\nto: d\n\n", {"FROM", "tO", "Date"}, false));
    }

    void keepsFoldsOfChosenFields() {
        CPPUNIT_ASSERT_EQUAL("To: a,\r\n\tb\r\n\r\n"s, chosenFields("To: a,\r\n\tb\r\nX: y\r\n\r\n", {"To"}, false));
    }

    void choosesAllButTheNamedFields() {
        CPPUNIT_ASSERT_EQUAL("To: c\r\njunk\r\nFoo : bar\r\n\r\n"s,
                             chosenFields("Subject: x\nTo: c\njunk\nFoo : bar\n\n", {"subject"}, true));
    }

    void endsChosenFieldsWithTheEmptyLineThatIsThere() {
        CPPUNIT_ASSERT_EQUAL("\r\n"s, chosenFields("To: c\n\n", {"x"}, false));
        CPPUNIT_ASSERT_EQUAL("\r\n"s, chosenFields("\r\n", {"x"}, true));
        CPPUNIT_ASSERT_EQUAL(""s, chosenFields("", {"x"}, true));
        CPPUNIT_ASSERT_EQUAL("To: c"s, chosenFields("To: c", {"To"}, false));
        CPPUNIT_ASSERT_EQUAL("To: c\r\n"s, chosenFields("To: c\nX: y\n", {"To"}, false));
    }

    void namesSectionsByTheGrammar() {
        Section section;
        CPPUNIT_ASSERT_EQUAL("BODY[]"s, sectionName(section, false));
        section.part = {1, 2};
        CPPUNIT_ASSERT_EQUAL("BODY[1.2]"s, sectionName(section, false));
        section.kind = Section::Mime;
        CPPUNIT_ASSERT_EQUAL("BODY[1.2.MIME]"s, sectionName(section, false));
        section.kind = Section::HeaderFieldsNot;
        section.fields = {"From", "we ird"};
        CPPUNIT_ASSERT_EQUAL("BODY[1.2.HEADER.FIELDS.NOT (From \"we ird\")]"s, sectionName(section, false));
        section.part.clear();
        section.kind = Section::Text;
        section.fields.clear();
        CPPUNIT_ASSERT_EQUAL("BODY[TEXT]"s, sectionName(section, false));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SectionsTest);

}  // namespace imapd
