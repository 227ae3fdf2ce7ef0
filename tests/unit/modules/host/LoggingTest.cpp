// The log: one line an event, whatever the event holds; files that are opened again.
#include <Poco/Logger.h>
#include <Poco/StreamChannel.h>
#include <cppunit/extensions/HelperMacros.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "modules/host/Configuration.h"
#include "modules/host/Logging.h"
#include "modules/host/ProgramKeys.h"

namespace {

using namespace maildock::host;

class LoggingTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LoggingTest);
    CPPUNIT_TEST(controlCharactersAreShown);
    CPPUNIT_TEST(linesAreBounded);
    CPPUNIT_TEST(levelAndFormat);
    CPPUNIT_TEST(aMovedFileIsBegunAgain);
    CPPUNIT_TEST(aFileThatCanNotBeOpenedChangesNothing);
    CPPUNIT_TEST_SUITE_END();

    std::string _folder;

    std::shared_ptr<const CheckedSettings> settings(const std::string& text) const {
        std::ofstream(_folder + "/main") << text;
        Complaints complaints;
        return Configuration(_folder + "/main", {}).settings(programKeys(), complaints);
    }

    std::string contentOf(const std::string& name) const {
        std::ifstream file(_folder + "/" + name);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }

public:
    void setUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "logging-XXXXXX").string();
        CPPUNIT_ASSERT(::mkdtemp(name.data()) != nullptr);
        _folder = name;
    }

    void tearDown() override {
        Logging().apply(*settings(""));
        std::filesystem::remove_all(_folder);
    }

    void controlCharactersAreShown() {
        CPPUNIT_ASSERT_EQUAL(std::string("a\\x0D\\x0Ab\\x1B[31m\\x00\\x7F \xC3\xB6"),
                             LineChannel::madeVisible(std::string("a\r\nb\x1B[31m\0\x7F \xC3\xB6", 14)));
    }

    void linesAreBounded() {
        const std::string line = LineChannel::madeVisible(std::string(1 << 20, '\n'));
        CPPUNIT_ASSERT(line.size() < LineChannel::maxLineOctets + 10 && line.ends_with("..."));
    }

    void levelAndFormat() {
        Logging logging;
        logging.apply(*settings("log.path = log\nlog.level = warning\nlog.format = %p/%s/%t\n"));
        Poco::Logger& logger = Poco::Logger::get("unit");
        logger.information("not shown");
        logger.warning("shown\nonce");
        CPPUNIT_ASSERT_EQUAL(std::string("Warning/unit/shown\\x0Aonce\n"), contentOf("log"));
        logging.apply(*settings("log.path = log\nlog.level = debug\nlog.format = %t\n"));
        logger.debug("now");
        CPPUNIT_ASSERT(contentOf("log").ends_with("\nnow\n"));
    }

    void aMovedFileIsBegunAgain() {
        Logging logging;
        const auto same = settings("log.path = log\nlog.format = %t\n");
        logging.apply(*same);
        Poco::Logger::get("unit").information("one");
        std::filesystem::rename(_folder + "/log", _folder + "/old");
        logging.apply(*same);
        Poco::Logger::get("unit").information("two");
        CPPUNIT_ASSERT_EQUAL(std::string("one\n"), contentOf("old"));
        CPPUNIT_ASSERT_EQUAL(std::string("two\n"), contentOf("log"));
    }

    void aFileThatCanNotBeOpenedChangesNothing() {
        Logging logging;
        logging.apply(*settings("log.path = log\nlog.format = %t\n"));
        CPPUNIT_ASSERT_THROW(logging.apply(*settings("log.path = none/log\n")), std::runtime_error);
        CPPUNIT_ASSERT_THROW(logging.apply(*settings("log.path = other\nlog.rotation = sometimes\n")),
                             std::runtime_error);
        Poco::Logger::get("unit").information("still here");
        CPPUNIT_ASSERT_EQUAL(std::string("still here\n"), contentOf("log"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LoggingTest);

}  // namespace
