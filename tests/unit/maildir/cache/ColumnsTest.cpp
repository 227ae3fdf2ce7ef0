// Columns: values by UID; which are kept, and for how long.
#include "maildir/cache/Columns.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using namespace maildir;

class ColumnsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ColumnsTest);
    CPPUNIT_TEST(findsValuesByUid);
    CPPUNIT_TEST(staysBelowItsBound);
    CPPUNIT_TEST(keepsColumnsOfOneOpening);
    CPPUNIT_TEST(forgetsTheLeastRecentlyUsed);
    CPPUNIT_TEST_SUITE_END();

    static std::shared_ptr<const Column> columnOf(std::uint64_t opening, std::size_t octets = 10) {
        auto column = std::make_shared<Column>(opening);
        column->add(Uid{1}, std::string(octets, 'x'));
        return column;
    }

public:
    void findsValuesByUid() {
        Column column(1);
        for (std::uint32_t uid = 10; uid <= 1000; uid += 10) column.add(Uid{uid}, std::to_string(uid));
        column.add(Uid{2000}, "");
        for (const std::size_t from : {0u, 1u, 49u, 50u}) {
            const std::size_t position = column.lowerBound(Uid{505}, from);
            CPPUNIT_ASSERT_EQUAL(std::string_view("510"), column.value(position));
            CPPUNIT_ASSERT_EQUAL(510u, column.uid(position).value);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{60}, column.lowerBound(Uid{20}, 60));
        CPPUNIT_ASSERT_EQUAL(std::string_view(), column.value(column.lowerBound(Uid{1001}, 3)));
        CPPUNIT_ASSERT_EQUAL(column.size(), column.lowerBound(Uid{2001}, 0));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, Column(1).lowerBound(Uid{1}, 0));
    }

    void staysBelowItsBound() {
        Column column(1);
        const std::string large(Column::maxOctets / 2 + 1, 'x');
        column.add(Uid{1}, large);
        column.add(Uid{2}, large);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, column.size());
    }

    void keepsColumnsOfOneOpening() {
        Columns columns;
        CPPUNIT_ASSERT(!columns.find(1, "FROM"));
        const auto first = columnOf(1), second = columnOf(1);
        columns.put("FROM", first);
        CPPUNIT_ASSERT(columns.find(1, "FROM") == first);
        CPPUNIT_ASSERT(!columns.find(2, "FROM"));
        CPPUNIT_ASSERT(!columns.find(1, "TO"));
        columns.put("FROM", second);
        CPPUNIT_ASSERT(columns.find(1, "FROM") == second);
    }

    void forgetsTheLeastRecentlyUsed() {
        Columns columns(2500);
        columns.put("A", columnOf(1, 1000));
        columns.put("B", columnOf(1, 1000));
        CPPUNIT_ASSERT(columns.find(1, "A"));
        columns.put("C", columnOf(1, 1000));
        CPPUNIT_ASSERT(columns.find(1, "A"));
        CPPUNIT_ASSERT(!columns.find(1, "B"));
        CPPUNIT_ASSERT(columns.find(1, "C"));
        columns.put("D", columnOf(1, 3000));  // larger than all may be
        CPPUNIT_ASSERT(!columns.find(1, "D"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ColumnsTest);
