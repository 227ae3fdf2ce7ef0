// Runs every CppUnit suite that registered itself; ends with "N passed, M failed". An argument selects tests whose
// path contains it; "--count" only tells how many there are. A program without a single test fails: nothing is silently
// skipped.
#include <cppunit/CompilerOutputter.h>
#include <cppunit/TestResult.h>
#include <cppunit/TestResultCollector.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

#include <cppunit/Test.h>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

void collect(CppUnit::Test* test, const std::string& filter, std::vector<CppUnit::Test*>& into) {
    if (test->getChildTestCount() == 0) {
        if (test->countTestCases() > 0 && test->getName().find(filter) != std::string::npos) into.push_back(test);
        return;
    }
    for (int i = 0; i < test->getChildTestCount(); ++i) collect(test->getChildTestAt(i), filter, into);
}

}  // namespace

int main(int argc, char** argv) {
    std::unique_ptr<CppUnit::Test> all(CppUnit::TestFactoryRegistry::getRegistry().makeTest());
    std::vector<CppUnit::Test*> tests;
    const bool onlyCounts = argc > 1 && std::string(argv[1]) == "--count";
    collect(all.get(), argc > 1 && !onlyCounts ? argv[1] : "", tests);
    if (onlyCounts) {
        std::cout << tests.size() << std::endl;
        return 0;
    }
    CppUnit::TestResult controller;
    CppUnit::TestResultCollector collector;
    controller.addListener(&collector);
    for (CppUnit::Test* test : tests) test->run(&controller);
    CppUnit::CompilerOutputter(&collector, std::cout).write();
    const int failed = collector.testFailuresTotal();
    std::cout << static_cast<int>(tests.size()) - failed << " passed, " << failed << " failed" << std::endl;
    return failed == 0 && !tests.empty() ? 0 : 1;
}
