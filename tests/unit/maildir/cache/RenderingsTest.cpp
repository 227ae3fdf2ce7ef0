// Renderings that were read lately: of one file each, a few, within a budget.
#include "maildir/cache/Renderings.h"

#include <cppunit/extensions/HelperMacros.h>

namespace maildir::test {

namespace {

class RenderingsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RenderingsTest);
    CPPUNIT_TEST(keepsARendering);
    CPPUNIT_TEST(takesNoneOfAnotherFile);
    CPPUNIT_TEST(keepsAFew);
    CPPUNIT_TEST(keepsWithinItsBudget);
    CPPUNIT_TEST_SUITE_END();

    static MessageKey key(std::uint32_t uid) { return {7, Uid{uid}}; }

    static struct stat file(ino_t inode, off_t octets = 5) {
        struct stat status {};
        status.st_ino = inode;
        status.st_size = octets;
        return status;
    }

    static std::shared_ptr<const RenderedMessage> rendering(std::uint64_t octets) {
        Structure structure;
        structure.storedOctets = octets;
        return std::make_shared<const RenderedMessage>(FileDescriptor(), "path", std::move(structure));
    }

public:
    void keepsARendering() {
        Renderings renderings("/folder");
        CPPUNIT_ASSERT(renderings.find(key(1), file(1)) == nullptr);
        const auto one = rendering(10);
        renderings.put(key(1), file(1), one);
        CPPUNIT_ASSERT(renderings.find(key(1), file(1)) == one);
        CPPUNIT_ASSERT(renderings.find(key(2), file(1)) == nullptr);
        CPPUNIT_ASSERT_EQUAL(std::string("/folder"), renderings.directory());
    }

    void takesNoneOfAnotherFile() {
        Renderings renderings("");
        renderings.put(key(1), file(1), rendering(10));
        struct stat touched = file(1);
        touched.st_mtim.tv_nsec = 1;
        CPPUNIT_ASSERT(renderings.find(key(1), file(2)) == nullptr);
        CPPUNIT_ASSERT(renderings.find(key(1), file(1, 6)) == nullptr);
        CPPUNIT_ASSERT(renderings.find(key(1), touched) == nullptr);
    }

    void keepsAFew() {
        Renderings renderings("");
        for (std::uint32_t uid = 1; uid <= Renderings::maxMessages + 1; ++uid) {
            renderings.put(key(uid), file(1), rendering(1));
            (void)renderings.find(key(1), file(1));  // used all the time
        }
        CPPUNIT_ASSERT(renderings.find(key(1), file(1)) != nullptr);
        CPPUNIT_ASSERT(renderings.find(key(2), file(1)) == nullptr);
        CPPUNIT_ASSERT(renderings.find(key(3), file(1)) != nullptr);
    }

    void keepsWithinItsBudget() {
        Renderings renderings("", 100);
        renderings.put(key(1), file(1), rendering(60));
        renderings.put(key(2), file(1), rendering(40));
        CPPUNIT_ASSERT(renderings.find(key(1), file(1)) != nullptr);
        renderings.put(key(3), file(1), rendering(1));
        CPPUNIT_ASSERT(renderings.find(key(2), file(1)) == nullptr);
        renderings.put(key(4), file(1), rendering(1000));
        CPPUNIT_ASSERT(renderings.find(key(4), file(1)) != nullptr);
        CPPUNIT_ASSERT(renderings.find(key(1), file(1)) == nullptr && renderings.find(key(3), file(1)) == nullptr);
        renderings.put(key(5), file(1), rendering(1));
        CPPUNIT_ASSERT(renderings.find(key(4), file(1)) == nullptr && renderings.find(key(5), file(1)) != nullptr);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RenderingsTest);

}  // namespace

}  // namespace maildir::test
