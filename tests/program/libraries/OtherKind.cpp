// modules/otherkind.so: says that it is a size plugin.
#include <Poco/ClassLibrary.h>

#include "tests/program/libraries/RecordingModule.h"

MAILDOCK_LIBRARY("size")

POCO_BEGIN_MANIFEST(maildock::Module)
POCO_EXPORT_CLASS(maildock::test::RecordingModule)
POCO_END_MANIFEST
