// modules/throwing.so: a module that can't be made.
#include <Poco/ClassLibrary.h>

#include "tests/program/libraries/RecordingModule.h"

namespace maildock::test {

class ThrowingModule : public RecordingModule {
public:
    ThrowingModule() { throw std::runtime_error("born broken"); }
};

}  // namespace maildock::test

MAILDOCK_LIBRARY("module")

POCO_BEGIN_MANIFEST(maildock::Module)
POCO_EXPORT_CLASS(maildock::test::ThrowingModule)
POCO_END_MANIFEST
