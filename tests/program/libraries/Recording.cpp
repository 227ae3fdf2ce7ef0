// modules/recording.so: a module as it should be.
#include <Poco/ClassLibrary.h>

#include "tests/program/libraries/RecordingModule.h"

MAILDOCK_LIBRARY("module")

POCO_BEGIN_MANIFEST(maildock::Module)
POCO_EXPORT_CLASS(maildock::test::RecordingModule)
POCO_END_MANIFEST
