// modules/otherversion.so: a module that was built with other interfaces.
#include <Poco/ClassLibrary.h>

#include "tests/program/libraries/RecordingModule.h"

extern "C" const char* maildockLibraryKind() {
    return "module";
}
extern "C" int maildockInterfaceVersion() {
    return maildock::interfaceVersion + 1;
}

POCO_BEGIN_MANIFEST(maildock::Module)
POCO_EXPORT_CLASS(maildock::test::RecordingModule)
POCO_END_MANIFEST
